import { LabError } from '../../core/errors.ts';

export const POWER_MODULES = { min: 1, max: 20, usual: 4 } as const;
/** Interval of `/ws/power`; s. */
export const POWER_INTERVAL_S = { min: 0.01, max: 10, usual: 0.1 } as const;

/**
 * Path and query of one power stream. The server answers a bad value with HTTP 403 and no word of why, so they are checked here.
 * Throws call.invalid naming the field.
 */
export function powerQuery(module: number, intervalS: number): string {
  if (!Number.isInteger(module) || module < POWER_MODULES.min || module > POWER_MODULES.max) {
    throw new LabError(
      'call.invalid',
      `Module ${module} does not exist: the power meter has modules 1 to 20. Nothing was connected; choose one of them.`,
      { field: 'module', value: String(module) },
    );
  }
  if (!(intervalS >= POWER_INTERVAL_S.min && intervalS <= POWER_INTERVAL_S.max)) {
    throw new LabError(
      'call.invalid',
      `An interval of ${intervalS} s is not possible: the power meter takes 0.01 to 10 s. Nothing was connected; choose one between.`,
      { field: 'interval', value: String(intervalS) },
    );
  }
  return `module=${module}&interval=${Number(intervalS.toFixed(6))}`;
}
