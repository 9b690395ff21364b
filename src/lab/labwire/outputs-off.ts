import { z } from 'zod';
import type { LabError } from '../../core/errors.ts';
import type { Equipment } from '../equipment.ts';
import type { OutputsOffResult } from '../lab-server.ts';

const answered = z.object({
  results: z.array(
    z.object({
      equipment_id: z.string(),
      group: z.string(),
      confirmed: z.boolean(),
      reason: z.string().optional(),
    }),
  ),
});

/** What a server said of switching off: each output it told of, and why it did not do it all. */
export interface OffAnswer {
  results: OutputsOffResult[] | undefined;
  error: LabError | undefined;
}

/** Reads the data of an answer to `outputs_off` or `emergency_stop`: also a refusal says what was confirmed. Undefined: it tells of no output. */
export function offResultsOf(data: unknown): OutputsOffResult[] | undefined {
  return answered.safeParse(data).data?.results.map(({ equipment_id, reason, ...rest }) => ({
    equipment: equipment_id,
    ...rest,
    ...(reason === undefined ? {} : { reason }),
  }));
}

/** Outputs as `OutputsOffResult` names them. */
export function outputNames({ shape }: Equipment): string[] {
  return [...new Set(shape.controls.flatMap(({ id, group, isOutput }) => (isOutput ? [group || id] : [])))];
}

/** A row for every output of an equipment, from what the server told of it; what it does not tell of is not confirmed. */
export function rowsOf(equipment: Equipment, { results = [], error }: OffAnswer): OutputsOffResult[] {
  const named = results.map((result) => withName(equipment, result));
  const rest = outputNames(equipment).filter((group) => !named.some((one) => one.group === group));
  const reason = error?.message ?? 'The lab server does not tell of it. Treat it as on.';
  return [...named, ...rest.map((group) => ({ equipment: equipment.id, group, confirmed: false, reason }))];
}

/** The same outputs switched off in two ways at once: one that either way confirms is off. `own`: the server's, which may tell of more than is listed here. */
export function eitherConfirms(
  each: readonly OutputsOffResult[],
  own: readonly OutputsOffResult[],
  equipment: readonly Equipment[],
): OutputsOffResult[] {
  const others = own.map((result) => {
    const known = equipment.find(({ id }) => id === result.equipment);
    return known ? withName(known, result) : result;
  });
  const isSame = (one: OutputsOffResult) => (other: OutputsOffResult) =>
    one.equipment === other.equipment && one.group === other.group;
  const merged = each.map((row) =>
    row.confirmed ? row : (others.find((other) => isSame(row)(other) && other.confirmed) ?? row),
  );
  return [...merged, ...others.filter((other) => !each.some(isSame(other)))];
}

/** An output without a group is called by its control. */
function withName(equipment: Equipment, result: OutputsOffResult): OutputsOffResult {
  if (result.group !== '') return result;
  const control = equipment.shape.controls.find(({ isOutput, group }) => isOutput && group === '');
  return { ...result, group: control?.id ?? '' };
}
