import { z } from 'zod';
import { fault } from './fault.ts';

/** Options a bench takes over a process boundary. */
export const benchOptions = z.object({
  seed: z.int().optional(),
  ports: z.partialRecord(z.enum(['supply', 'meter', 'scope', 'load', 'daq']), z.int().min(0).max(65_535)).optional(),
  usePtys: z.boolean().optional(),
  ledgerDir: z.string().optional(),
  sendBufferBytes: z.int().positive().optional(),
  /** Absent: all. */
  ways: z.enum(['all', 'plain']).optional(),
  families: z.array(z.string().max(100)).max(200).optional(),
  announce: z.boolean().optional(),
  addresses: z.enum(['own', 'shared']).optional(),
});

const instrument = z.object({
  name: z.string(),
  role: z.enum(['supply', 'meter', 'scope', 'load', 'stream', 'unknown']),
  idn: z.string(),
  resources: z.array(z.string()),
  reason: z.string().optional(),
});

/**
 * What a host says to the bench process and hears from it:
 *
 *     host                        bench
 *      │  start {options}          │      (or options as JSON in the first argument: then it starts by itself)
 *      │ ─────────────────────────▶│
 *      │        listening {…}      │      or failed {error}, and it ends
 *      │ ◀─────────────────────────│
 *      │  setFault {id, name, …}   │
 *      │ ─────────────────────────▶│
 *      │        done {id}          │      or failed {id, error}
 *      │ ◀─────────────────────────│
 *      │  stop, or the host ends   │      it closes everything and exits 0
 */
export const toBench = z.discriminatedUnion('type', [
  z.object({ type: z.literal('start'), options: benchOptions.default({}) }),
  z.object({ type: z.literal('setFault'), id: z.int(), name: z.string(), fault }),
  z.object({ type: z.literal('stop') }),
]);
export type ToBench = z.infer<typeof toBench>;

export const fromBench = z.discriminatedUnion('type', [
  z.object({ type: z.literal('listening'), instruments: z.array(instrument) }),
  z.object({ type: z.literal('done'), id: z.int() }),
  z.object({
    type: z.literal('failed'),
    id: z.int().optional(),
    error: z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()).optional() }),
  }),
]);
export type FromBench = z.infer<typeof fromBench>;
