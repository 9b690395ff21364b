import type { FoundInstrument } from '../contract/discovery-schema.ts';
import type { SimulatedInstrument } from '../contract/host-messages.ts';
import type { Output } from './output.ts';

/** A line of `bench` and `find`; documented in docs/cli.md. */
export type InstrumentRow = Pick<FoundInstrument, 'name' | 'role' | 'idn' | 'resources' | 'state' | 'reason'> & {
  /** All ways, also those that cannot be used, with their reasons. */
  paths?: Omit<FoundInstrument['paths'][number], 'seenNs'>[];
  /** Id of the attached instrument. */
  instrument?: string;
};

/** A simulated instrument without a way to it is unusable; a reason alone only says why one of its ways is missing. */
export function instrumentRow({ name, role, idn, resources, reason }: SimulatedInstrument): InstrumentRow {
  const state = resources.length > 0 ? 'available' : 'unusable';
  return { name, role, idn, resources, state, ...(reason === undefined ? {} : { reason }) };
}

export async function printInstruments(rows: readonly InstrumentRow[], asJson: boolean, out: Output): Promise<void> {
  if (asJson) {
    for (const { name, role, idn, resources, state, ...more } of rows) {
      await out.json({ name, role, idn, resources, state, ...more });
    }
    return;
  }
  await out.table(
    rows.map(({ name, role, idn, resources, state, reason }) => [
      name,
      role,
      state,
      resources.join(' '),
      [idn, reason && `(${reason})`].filter(Boolean).join(' '),
    ]),
  );
}
