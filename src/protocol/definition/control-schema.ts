import { z } from 'zod';
import { command, commands, limit, numberOrName, reading } from './answer-schema.ts';

/** A choice: the word that is sent for `{value}`, or that and more. */
const choice = z.union([
  z.string(),
  z.strictObject({
    /** The word put for `{value}`. */
    word: z.string().optional(),
    /** What is sent for this choice, where it is not the `write` of the control. */
    write: commands.optional(),
    /** How the instrument may answer, beside the word. */
    answers: z.array(z.string()).optional(),
    /** A command that must go first when the answer to `ask` is one of `is`. */
    first: z.strictObject({ ask: command, is: z.array(z.string()).min(1), write: commands }).optional(),
  }),
]);

/** What a person can set. */
export const controlDefinition = z.strictObject({
  label: z.string().min(1).max(60),
  /** `range`: a choice of `auto` and the ranges of the function in force. */
  kind: z.enum(['number', 'switch', 'choice', 'range', 'action']),
  unit: z.string().max(20).optional(),
  min: limit.optional(),
  max: limit.optional(),
  /** Step of the instrument, in the unit. */
  resolution: numberOrName.optional(),
  /** Question whose answer is the setting; actions have none. */
  read: reading.optional(),
  /** What is sent; switches may have two. */
  write: z.union([commands, z.strictObject({ on: commands, off: commands })]).optional(),
  /** How `{value}` of a number is written: `0.000` (decimals), `00.00` (with leading zeros); default: as short as it reads back the same. */
  format: z
    .string()
    .regex(/^0+(\.0+)?$/, 'zeros with or without a point: 0.000')
    .optional(),
  /** Value times 1/scale is the number sent (`0.1`: 5 V is sent as 50); the same as the `scale` of the answer. */
  scale: z.number().positive().optional(),
  /** Words of a switch, put for `{value}`; default ON and OFF. */
  on: z.string().optional(),
  off: z.string().optional(),
  /** What a person reads → what is sent; or the name of a list of the function in force (or of the model), sent as it is. */
  choices: z.union([z.record(z.string(), choice), z.string()]).optional(),
  /** For `range`: whether ranging is automatic, and how it is switched on. `read` and `write` are those of the range itself. */
  auto: z.strictObject({ read: reading, write: commands }).optional(),
  /**
   * A choice of the group or of the whole instrument (`trigger.source`) whose word is put for `{by}` in `read` and `write`: for settings kept apart
   * for each of its choices (the level of a trigger source). It is asked before.
   */
  by: z.string().optional(),
  /** Choice of `by` → what is put for `{by}`, where that is not its word. */
  as: z.record(z.string(), z.string()).optional(),
  /** Controls (of the same group) that may move with it; read back together. */
  touches: z.array(z.string()).optional(),
  /** Switching it on feeds energy: Outputs off turns it off. */
  isOutput: z.boolean().optional(),
  /** For the console and whoever looks at the panel. */
  help: z.string().min(3).max(300),
});
export type ControlDefinition = z.infer<typeof controlDefinition>;
