import { z } from 'zod';
import { id, shortText, timeNs } from './value-schema.ts';

/** What a device under test stands; an absent limit is not checked. */
export const envelope = z.object({
  maxV: z.number().optional(),
  minV: z.number().optional(),
  maxA: z.number().optional(),
  maxW: z.number().optional(),
  /** Fastest change of a setpoint while the output is on. */
  slewVPerS: z.number().positive().optional(),
  slewAPerS: z.number().positive().optional(),
});
export type Envelope = z.infer<typeof envelope>;

/** A device under test and the outputs that feed it. Outputs are named by instrument (maker/model/serial) and group (`ch1`). */
export const protectedDevice = z.object({
  id,
  label: shortText.min(1),
  outputs: z.array(z.object({ instrument: id, group: z.string().max(50) })).max(50),
  envelope,
  /** Its outputs may be switched on only while armed. */
  needsArming: z.boolean(),
});
export type ProtectedDevice = z.infer<typeof protectedDevice>;

export const safetyState = z.object({
  devices: z.array(protectedDevice).max(50),
  /** Those armed now; Outputs off, a trip, a lost instrument and a restart of the engine disarm. */
  armed: z.array(z.object({ device: id, untilNs: timeNs.nullable(), by: shortText })),
});
export type SafetyState = z.infer<typeof safetyState>;
