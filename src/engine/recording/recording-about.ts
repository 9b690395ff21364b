import { z } from 'zod';

/** An instrument as it stood when recorded. `settings`: control id → value read back. */
export const recordedInstrument = z.object({
  id: z.string(),
  /** Reply to `*IDN?`. */
  idn: z.string(),
  resource: z.string(),
  role: z.string().default('unknown'),
  label: z.string().default(''),
  settings: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
});
export type RecordedInstrument = z.input<typeof recordedInstrument>;

/** What is not in the stream about a channel. Shown value = gain * sample + offset, in `shownUnit`; the file keeps the sample. */
export const describedChannel = z.object({
  id: z.string(),
  label: z.string().default(''),
  shownUnit: z.string().default(''),
  scale: z.object({ gain: z.number(), offset: z.number() }).default({ gain: 1, offset: 0 }),
  rateAskedHz: z.number().nullable().default(null),
  rateGotHz: z.number().nullable().default(null),
});
export type DescribedChannel = z.input<typeof describedChannel>;

/** What the host says about a recording: into metadata records of every part, the last one of a kind counts. */
export interface RecordingAbout {
  appVersion: string;
  /** `system clock, read once`, or what disciplines it. */
  clockSource: string;
  notes: string;
  instruments: RecordedInstrument[];
  channels: DescribedChannel[];
}

/** The metadata record `labwire.recording` of one part; MCAP metadata are texts. */
export const partHead = z.object({
  id: z.string().min(1).max(300),
  name: z.string(),
  /** ns since 1970. */
  started: z.string().regex(/^-?\d{1,19}$/),
  part: z.coerce.number().int().min(1),
  appVersion: z.string().default(''),
  clockSource: z.string().default(''),
  notes: z.string().default(''),
});
export type PartHead = z.infer<typeof partHead>;
