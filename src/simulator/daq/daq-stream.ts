/** A run of the DAQ on one connection, from STARt to STOP. */
export interface DaqStream extends Disposable {
  readonly run: number;
  /** Rows dropped so far, because nobody read fast enough. */
  readonly dropped: number;
  /** Sends a reply in the middle of the data. */
  reply(text: string): void;
  /** Sends what is due and the end mark. */
  end(): void;
}
