import type { ColumnInfo } from '../../core/stream-info.ts';

/** What the four detectors of a module are wired to (IL RL OPM2). */
export const POWER_INPUTS = ['IN1', 'IN2', 'TLS IN', 'OUT TO DUT'] as const;

/** The server gives the unit as it was set (`DBM`) or as it reads (`dBm`). */
export function powerUnit(text: string): string {
  const known = ['dBm', 'mW', 'W'].find((unit) => unit.toLowerCase() === text.trim().toLowerCase());
  return known ?? text.trim();
}

/** Columns of the stream `power` in that unit. */
export function powerColumns(unit: string): ColumnInfo[] {
  const powers = POWER_INPUTS.map((_, index) => ({ channel: `ch${index + 1}.power`, unit }));
  return [...powers, { channel: 'wavelength', unit: 'nm' }];
}
