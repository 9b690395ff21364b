/** `PACK`: COBS packets · `TEXT`: lines. */
export type DaqFormat = 'PACK' | 'TEXT';

/** What one port of the DAQ is set to; kept from connection to connection. */
export interface DaqSettings {
  readonly format: DaqFormat;
  readonly maxChannels: number;
  readonly maxRateHz: number;
  rateHz: number;
  channels: number;
  signal: 'CIRCuit' | 'RAMP';
  /** Starts so far: the run number in packets. */
  runs: number;
}

export function createPacketSettings(): DaqSettings {
  return { format: 'PACK', maxChannels: 10, maxRateHz: 1e6, rateHz: 10_000, channels: 10, signal: 'CIRCuit', runs: 0 };
}

export function createTextSettings(): DaqSettings {
  return { format: 'TEXT', maxChannels: 8, maxRateHz: 5000, rateHz: 1000, channels: 8, signal: 'CIRCuit', runs: 0 };
}

/** *RST. */
export function resetSettings(settings: DaqSettings): void {
  settings.rateHz = settings.format === 'PACK' ? 10_000 : 1000;
  settings.channels = settings.maxChannels;
  settings.signal = 'CIRCuit';
}
