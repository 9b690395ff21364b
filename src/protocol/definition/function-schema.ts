import { z } from 'zod';
import { answerFields, command, commands } from './answer-schema.ts';
import { controlDefinition } from './control-schema.ts';

const parameter = z.union([z.number(), z.string(), z.array(z.union([z.number(), z.string()])).max(100)]);

/** One function of a meter. More keys are parameters: `ranges`, `nplc`, or whatever the templates name. */
const functionRow = z
  .object({
    /** As a person chooses it. */
    choice: z.string().min(1),
    /** Its word in the dialect, put for `{word}`. */
    word: z.string().min(1),
    /** How the question for the function may answer, beside the word; without quotes. */
    answers: z.array(z.string()).optional(),
    channel: z.string().min(1),
    unit: z.string(),
    resolution: z.number().optional(),
  })
  .catchall(parameter);
export type FunctionRow = z.infer<typeof functionRow>;

/** A meter: one channel for each function, because a channel never changes its unit; the function in force is asked with every reading. */
export const functionsDefinition = z.strictObject({
  label: z.string().default('Function'),
  /** Question for the function in force. */
  ask: command,
  /** `{word}`: of the function chosen. */
  write: commands,
  /** Question for a reading. With `{word}` in it the function is asked first, then its reading. */
  reading: z.union([command, z.strictObject({ ask: command, ...answerFields })]),
  /** Patience for a reading; with the aperture (`nplc`) on top. */
  patienceMs: z.number().min(100).max(120_000).default(3000),
  /** Question that tells whether it waits for a trigger, the answer if it does not, and what a person can do. */
  trigger: z.strictObject({ ask: command, free: z.array(z.string()).min(1), help: z.string() }).optional(),
  /** Controls of the function in force; `{word}` and the parameters of its row may stand in them. */
  controls: z.record(z.string(), controlDefinition).default({}),
  help: z.string().default('Chooses the measuring function.'),
  list: z.array(functionRow).min(1).max(30),
});
export type FunctionsDefinition = z.infer<typeof functionsDefinition>;
