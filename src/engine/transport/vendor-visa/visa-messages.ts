import { z } from 'zod';

/**
 * What is said between an engine and the process that holds the vendor's VISA library. Every request has a number and one answer with it; they may
 * be answered in any order. Sessions are numbers of the library. Both sides look at the messages of a query in visa-hot-messages.ts first: what is
 * changed here is changed there.
 */
export const VISA_LIMITS = { milliseconds: 0xffff_fffe, readBytes: 16_777_216, tries: 100_000 } as const;

const id = z.number().int();
const session = z.number().int().nonnegative();
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const milliseconds = z.number().int().min(0).max(VISA_LIMITS.milliseconds);
const readOptions = {
  max: z.number().int().min(1).max(VISA_LIMITS.readBytes),
  termChar: z.number().int().min(0).max(255).optional(),
  sliceMs: milliseconds,
};

export const visaCall = z.discriminatedUnion('call', [
  /** Loads the first of the libraries that can be loaded, and opens its resource manager. Answer: `{library}`. */
  z.object({ call: z.literal('load'), libraries: z.array(z.string().max(4096)).max(64) }),
  z.object({ call: z.literal('find'), expression: z.string().max(256), limit: z.number().int().min(1).max(4096) }),
  /** Answer: `{session}`. */
  z.object({ call: z.literal('open'), resource: z.string().max(512), timeoutMs: milliseconds }),
  z.object({ call: z.literal('close'), session }),
  /** Waits in slices, until something came or `stop` is said. Answer: `{bytes, ended}`. */
  z.object({ call: z.literal('read'), session, ...readOptions }),
  /** No more slices for the read that waits. */
  z.object({ call: z.literal('stop'), session }),
  /**
   * `tries`: so many calls of `timeoutMs` each; what one has taken is not sent again. `answer`: the read that follows when all is taken, a request of
   * its own that spares a message; stopped before that, or behind a write that failed, it ends as a read that was stopped.
   */
  z.object({
    call: z.literal('write'),
    session,
    bytes,
    end: z.boolean(),
    timeoutMs: milliseconds,
    tries: z.number().int().min(1).max(VISA_LIMITS.tries),
    answer: z.object({ id, ...readOptions }).optional(),
  }),
  z.object({ call: z.literal('clear'), session }),
  z.object({ call: z.literal('trigger'), session }),
  /** Answer: `{statusByte}`. */
  z.object({ call: z.literal('statusByte'), session }),
  z.object({ call: z.literal('remote'), session, mode: z.number().int().min(0).max(6) }),
  z.object({ call: z.literal('lock'), session, timeoutMs: milliseconds, sharedKey: z.string().max(255).optional() }),
  z.object({ call: z.literal('unlock'), session }),
]);
export type VisaCall = z.infer<typeof visaCall>;
export type VisaRead = Extract<VisaCall, { call: 'read' }>;
export type VisaWrite = Extract<VisaCall, { call: 'write' }>;

export const visaRequest = z.object({ id, request: visaCall });
export type VisaRequest = z.infer<typeof visaRequest>;

export const visaAnswer = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('done'),
    id,
    /** The number of the write this is the `answer` of, when that is done, too, and was not told before. */
    written: id.optional(),
    value: z.object({
      library: z.string().optional(),
      session: session.optional(),
      resources: z.array(z.string()).optional(),
      bytes: bytes.optional(),
      /** How a read ended; absent: stopped with nothing. */
      ended: z.enum(['end', 'term-char', 'count', 'stopped']).optional(),
      statusByte: z.number().int().optional(),
    }),
  }),
  /** `status`: of the library; absent: none could be loaded, or the request was not understood. */
  z.object({
    kind: z.literal('failed'),
    id,
    status: z.number().int().optional(),
    text: z.string(),
  }),
]);
export type VisaAnswer = z.infer<typeof visaAnswer>;
export type VisaValue = Extract<VisaAnswer, { kind: 'done' }>['value'];
