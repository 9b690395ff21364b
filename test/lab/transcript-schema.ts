import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const value = z.union([z.number(), z.string(), z.boolean()]);
const state = z.record(z.string(), z.union([z.number(), z.string()]));
const template = z.union([z.string(), z.number()]).transform(String);

const FIELD_TYPES = ['u8', 'i8', 'u16le', 'i16le', 'u16be', 'i16be', 'i32le', 'f32le', 'f64le', 'text'] as const;

/** Bytes of a known form: a vector of codes, or a record with fields at offsets (zero elsewhere). */
const bytesSchema = z.strictObject({
  type: z.enum(FIELD_TYPES).optional(),
  values: z.array(z.number()).optional(),
  /** First and last value sent, counted from 1; templates. */
  from: template.optional(),
  to: template.optional(),
  /** First value counted from 0, how many and every which; templates. */
  skip: template.optional(),
  count: template.optional(),
  step: template.optional(),
  length: z.number().int().optional(),
  fields: z.array(z.strictObject({ at: z.number().int(), type: z.enum(FIELD_TYPES), value })).optional(),
  hex: z.string().optional(),
});
export type TranscriptBytes = z.infer<typeof bytesSchema>;
export type FieldType = (typeof FIELD_TYPES)[number];

const dataSchema = z.union([
  z.strictObject({
    /** IEEE 488.2 8.7.9 definite length block; `lead` before it, `tail` instead of the terminator after it. */
    block: bytesSchema,
    lead: z.string().optional(),
    tail: z.string().optional(),
    digits: z.number().int().min(1).max(9).optional(),
  }),
  /** Bare bytes, nothing before or after. */
  z.strictObject({ bytes: bytesSchema }),
]);
const replySchema = z.union([template, dataSchema]);
export type TranscriptReply = z.infer<typeof replySchema>;

const reactionSchema = z.strictObject({
  when: z.record(z.string(), template).optional(),
  reply: replySchema.optional(),
  set: z.record(z.string(), template).optional(),
  /** The unit refuses it: code and text for its error queue. */
  error: z.tuple([z.number(), z.string()]).optional(),
});
export type TranscriptReaction = z.infer<typeof reactionSchema>;

/** A text is the reply; a list is tried in order until a `when` holds. */
const reactionsSchema = z
  .union([
    template.transform((reply) => ({ reply })),
    dataSchema.transform((reply) => ({ reply })),
    reactionSchema,
    z.array(reactionSchema),
  ])
  .transform((one): TranscriptReaction[] => (Array.isArray(one) ? one : [one]));

const checkSchema = z.strictObject({
  /** What is shown by it. */
  shows: z.string(),
  /** State of the unit brought about first, as if by its knobs or its load. */
  given: state.optional(),
  read: z.record(z.string(), value).optional(),
  /** Channel → value; `overload`, `-overload`, `missing`, `absent` (not among the active). */
  poll: z.record(z.string(), z.union([z.number(), z.enum(['overload', '-overload', 'missing', 'absent'])])).optional(),
  status: z.record(z.string(), z.string()).optional(),
  set: z
    .strictObject({
      id: z.string(),
      value,
      /** Read-back; default: the value under its own id. */
      gives: z.record(z.string(), value).optional(),
      refused: z.enum(['call.invalid', 'instrument.rejected', 'driver.unsupported']).optional(),
      /** The unit puts this into its error queue instead of obeying. */
      unitSays: z.tuple([z.number(), z.string()]).optional(),
    })
    .optional(),
  limits: z.record(z.string(), z.strictObject({ min: z.number().optional(), max: z.number().optional() })).optional(),
  /** Outputs off; the groups confirmed. */
  off: z.array(z.string()).optional(),
  /** Beside them: groups that are switched off, but whose dialect cannot be asked. */
  unsure: z.array(z.string()).optional(),
  capture: z
    .strictObject({
      channels: z.array(z.string()),
      volts: z.array(z.array(z.number())),
      xOriginS: z.number(),
      dtS: z.number(),
    })
    .optional(),
  /** Bytes of the picture, hexadecimal; several where the unit has more than one format and the driver may choose. */
  screenshot: z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1)]).optional(),
  /** What the state of the unit must be afterwards. */
  leaves: state.optional(),
});
export type TranscriptCheck = z.infer<typeof checkSchema>;

export const transcriptSchema = z.strictObject({
  family: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  role: z.enum(['supply', 'meter', 'scope', 'load']),
  /** Short name → file and repository, or manual and chapter. */
  sources: z.record(z.string(), z.string()),
  idn: z.string(),
  identity: z.strictObject({ maker: z.string(), model: z.string(), serial: z.string(), firmware: z.string() }),
  /** Other identities of units of the same family: makers changed their names. */
  aliases: z.array(z.string()).default([]),
  /** Identities of other families that look like it. */
  strangers: z.array(z.string()).default([]),
  wire: z.strictObject({
    /** scpi: headers short or long, any case, a colon in front or not. exact: character for character. */
    style: z.enum(['scpi', 'exact']),
    /** End of a request; '' = none: what comes in one write is one request. */
    requestEnd: z.enum(['\n', '\r', '\r\n', '']).default('\n'),
    replyEnd: z.enum(['\n', '\r', '\r\n', '']).default('\n'),
    /** Several requests in one message by the path rule of SCPI. */
    compound: z.boolean().default(true),
    /** Where the unit of the source was attached. */
    resource: z.string().default('MEMORY::INSTR'),
  }),
  /** Common commands the source documents (IEEE 488.2 section 10). */
  common: z.array(z.string()).default(['*IDN?', '*CLS', '*OPC', '*OPC?', '*WAI', '*ESR?', '*STB?']),
  errors: z
    .strictObject({
      next: z.string().optional(),
      /** Answers with all that stand in the queue. */
      all: z.string().optional(),
      empty: z.string(),
      entry: z.string().default('{code},"{text}"'),
      undefined: z.tuple([z.number(), z.string()]),
      range: z.tuple([z.number(), z.string()]),
      /** Events are told only after `*ESR?` was read. */
      isAfterEsr: z.boolean().default(false),
    })
    .optional(),
  state,
  /** State a driver may change without being asked: what selects, formats and remote modes need. */
  scratch: z.array(z.string()).default([]),
  exchanges: z.array(z.strictObject({ source: z.string(), requests: z.record(z.string(), reactionsSchema) })),
  checks: z.array(checkSchema).min(1),
});
export type Transcript = z.infer<typeof transcriptSchema>;

/** Throws with the path of what does not fit. */
export function readTranscript(path: string): Transcript {
  const transcript = transcriptSchema.parse(parse(readFileSync(path, 'utf8')));
  for (const { source } of transcript.exchanges) {
    for (const name of source.split('+').map((part) => part.trim())) {
      if (!(name in transcript.sources)) throw new Error(`${path}: no source '${name}'`);
    }
  }
  return transcript;
}
