/** Times of a line, ms. */
export interface ModbusLimits {
  /** A device that takes longer for an answer is taken for silent, unless the caller is less patient; default 5000. */
  answerMs: number;
  /** Silence that ends a frame of unknown length, and noise: far more than 3.5 characters at 1200 baud; default 40. */
  gapMs: number;
  /** Silence on a serial line before a question; default by its rate: 3.5 characters, 1.75 above 19,200 baud. */
  silenceMs: number | undefined;
  /** Longest wait for that silence, on a line with noise; default 500, and no longer than the longest frame takes. */
  silenceBoundMs: number;
  /** How long the answer to a question asked only to be in step again is waited for; default 400. */
  markerMs: number;
  /** An answer not come so long after its question never comes; default 10,000. */
  owedMs: number;
}

export const MODBUS_LIMITS: ModbusLimits = {
  answerMs: 5000,
  gapMs: 40,
  silenceMs: undefined,
  silenceBoundMs: 500,
  markerMs: 400,
  owedMs: 10_000,
};
