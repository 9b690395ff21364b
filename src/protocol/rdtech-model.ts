/** One model of the RDTech RD60xx supplies: what a register step is worth and what the maker says it gives. */
export interface RdtechModel {
  name: string;
  /** Steps per V, A and W. */
  perVolt: number;
  perAmp: number;
  perWatt: number;
  maxVolts: number;
  maxAmps: number;
}

/**
 * Numbers of register 0, and the scales of each (libsigrok rdtech-dps; Riden libraries for Python and ESP agree). RD6012P is not here: its
 * scale changes with its range. The last digit tells the revision or variant.
 */
const MODELS: readonly { from: number; to: number; model: RdtechModel }[] = [
  row(60060, 60064, 'RD6006', 100, 1000, 100, 6),
  row(60065, 60065, 'RD6006P', 1000, 10_000, 1000, 6),
  row(60066, 60066, 'RK6006', 100, 1000, 100, 6),
  row(60120, 60124, 'RD6012', 100, 100, 100, 12),
  row(60180, 60189, 'RD6018', 100, 100, 100, 18),
  row(60240, 60249, 'RD6024', 100, 100, 100, 24),
  row(60300, 60304, 'RD6030', 100, 100, 100, 30),
];

function row(
  from: number,
  to: number,
  name: string,
  perVolt: number,
  perAmp: number,
  perWatt: number,
  maxAmps: number,
): { from: number; to: number; model: RdtechModel } {
  return { from, to, model: { name, perVolt, perAmp, perWatt, maxVolts: 60, maxAmps } };
}

/** The model of the number in register 0. */
export function rdtechModel(number: number): RdtechModel | undefined {
  return MODELS.find(({ from, to }) => number >= from && number <= to)?.model;
}

/** The model of that name. */
export function rdtechModelNamed(name: string): RdtechModel | undefined {
  return MODELS.find(({ model }) => model.name.toLowerCase() === name.trim().toLowerCase())?.model;
}

/** What `*IDN?` would say, from registers 0 to 3 (model, serial number high and low, firmware × 100); undefined if it is none of them. */
export function rdtechIdentity([number = 0, high = 0, low = 0, firmware = 0]: readonly number[]): string | undefined {
  const model = rdtechModel(number);
  if (!model) return undefined;
  const serial = String(high * 65_536 + low).padStart(8, '0');
  return `RDTech,${model.name},${serial},${(firmware / 100).toFixed(2)}`;
}
