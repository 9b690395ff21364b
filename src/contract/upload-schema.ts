import { z } from 'zod';
import { errorRecord, id, timeNs } from './value-schema.ts';

/** Where finished recordings go. The password is not part of the state: it goes to the keychain of the system, or stays in memory. */
export const uploadTarget = z.object({
  url: z.url().max(2000),
  user: z.string().max(200),
  /**
   * `all`: every recording, those of earlier too, as its parts are finished; `offline`: those that ran or were made while the server could not be reached; `manual`: what a person chose,
   * of one that runs its later parts too.
   */
  when: z.enum(['manual', 'offline', 'all']),
});
export type UploadTarget = z.infer<typeof uploadTarget>;

/** One part of a recording on its way. */
export const upload = z.object({
  id,
  recording: id,
  name: z.string(),
  part: z.int(),
  path: z.string(),
  /** Its name there, known once it has one: another than that of its file where that was taken. */
  remote: z.string().default(''),
  bytes: z.number(),
  sentBytes: z.number(),
  state: z.enum(['waiting', 'sending', 'verifying', 'done', 'failed']),
  tries: z.int(),
  retryNs: timeNs.nullable(),
  sha256: z.string(),
  error: errorRecord.nullable(),
});
export type Upload = z.infer<typeof upload>;

export const uploadState = z.object({
  target: uploadTarget.nullable(),
  link: z.enum(['off', 'unknown', 'reachable', 'unreachable', 'needs-password']),
  uploads: z.array(upload),
});
export type UploadState = z.infer<typeof uploadState>;
