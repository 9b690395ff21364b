import { z } from 'zod';

/** A number in the file, or the name of a parameter of the model table. */
export const numberOrName = z.union([
  z.number(),
  z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'a number, or the name of a parameter'),
]);

/** Text that is sent. `{n}` is the number of the group, `{value}` what is set, `{name}` a parameter. */
export const command = z.string().min(1).max(400);
export const commands = z.union([command, z.array(command).min(1).max(20)]);

const pattern = z.string().refine(isPattern, 'this is no regular expression');

/** Which part of an answer is meant, and how it is written. */
const answerShape = {
  /** Which field of a list; the first is 1. Here and below a number may be the name of a parameter, or `n`. */
  field: numberOrName.optional(),
  /** What stands between the fields; default a comma. */
  separator: z.string().min(1).max(5).optional(),
  /** Characters of a packed answer, the first is 1: `[1, 3]` of 360100 is 360. */
  columns: z.tuple([z.int().min(1), z.int().min(1)]).optional(),
  /** A regular expression; its first bracket is taken. */
  match: pattern.optional(),
  /** `hex`: digits to base 16, with or without 0x or #H. `byte`: one raw byte. Default: a number as SCPI writes it. */
  base: z.enum(['hex', 'byte']).optional(),
  /** Number on the wire times this is the value; `0.1`: 050 is 5. */
  scale: numberOrName.optional(),
  /** Numbers of this size and more are overload; `missing`: infinity means that it cannot be measured. */
  overload: z.union([z.number().positive(), z.literal('missing')]).optional(),
  /** Words said in place of a number that cannot be measured at present (`****`). */
  missing: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
};

/** A test of an answer. None: the answer itself is meant. */
const testShape = {
  /** The word (or one of the words) it is, in any case; true and false as booleans are written. */
  is: z.union([z.string(), z.boolean(), z.array(z.string()).min(1)]).optional(),
  /** This bit is set; 0 is the lowest. */
  bit: numberOrName.optional(),
  /** The bits of the mask have the value `equals` (default: any of them is set). */
  mask: numberOrName.optional(),
  equals: numberOrName.optional(),
};

const asked = z.strictObject({ ask: command, ...answerShape, ...testShape });

/** A question and what of its answer is meant; a text alone is a question whose whole answer is meant. */
export const reading = z.union([command, asked]);
export type ReadingSource = z.infer<typeof reading>;

type Asked = z.infer<typeof asked>;
/** Keys of an answer that may name a parameter in the file. */
type NumberKey = 'field' | 'scale' | 'bit' | 'mask' | 'equals';
type Numbered<T> = Omit<T, NumberKey> & { [K in NumberKey]?: number | undefined };

/** A question and what of its answer is meant, parameters put in. */
export type Reading = Numbered<Asked>;

/** One row of a lamp: shown is that of the first row that holds. */
export const lampCase = z.strictObject({
  ask: command.optional(),
  ...answerShape,
  ...testShape,
  /** Answer → what is shown; a row with an answer that is not in the table does not hold. */
  words: z.record(z.string(), z.string()).optional(),
  /** Bit → what is shown; several are shown one after the other. */
  flags: z.record(z.string().regex(/^\d+$/), z.string()).optional(),
  /** Shown if the row holds; absent: the answer itself. */
  show: z.string().max(80).optional(),
});
export type LampSource = z.infer<typeof lampCase>;
export type LampCase = Numbered<LampSource>;

/** A unit, or a question that tells it. */
export const unit = z.union([
  z.string().max(20),
  z.strictObject({
    ask: command,
    words: z.record(z.string(), z.string()),
    /** What the simulated one answers. */
    typical: z.string(),
  }),
]);

/** A limit: a number, a parameter, or a question; `typical` is what the simulated one answers. */
export const limit = z.union([numberOrName, z.strictObject({ ask: command, ...answerShape, typical: numberOrName })]);

function isPattern(text: string): boolean {
  try {
    return Boolean(new RegExp(text));
  } catch {
    return false;
  }
}

/** A regular expression of the file: maker, model. */
export const expression = pattern;

export const answerFields = answerShape;
