import { z } from 'zod';

/** An instrument as it stood when recorded. `settings`: control id → value read back. */
export const recordedInstrument = z.object({
  id: z.string(),
  /** Reply to `*IDN?`. */
  idn: z.string(),
  resource: z.string(),
  role: z.string().default('unknown'),
  label: z.string().default(''),
  firmware: z.string().default(''),
  /** When it was calibrated, as the instrument says or a person typed; '' if not known. */
  calibrated: z.string().default(''),
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
  /** Measuring range when recorded, as the instrument says it (`10 V`); '' if not known. */
  range: z.string().default(''),
});
export type DescribedChannel = z.input<typeof describedChannel>;

/** What the times of a recording rest on; null where it is not known. */
export interface RecordedClock {
  /** `system clock, read once at start`, or what disciplines it. */
  source: string;
  /** Engine time minus UTC, s. */
  offsetS: number | null;
  uncertaintyS: number | null;
}

/** Parts of another recording that are parts of this one too, where they lie: `{flight-…, 17}`. */
export const memberPart = z.object({ recording: z.string().min(1).max(300), part: z.int().min(1) });
export type MemberPart = z.infer<typeof memberPart>;

/**
 * From this byte on, that earlier part is written once more in this one: its writer could not tell whether the disk had kept it. 0: it may not exist.
 */
export const repeatedPart = z.object({ part: z.int().min(1), fromByte: z.int().nonnegative() });
export type RepeatedPart = z.infer<typeof repeatedPart>;

/** What a person, or the program that makes the recording, says about it as a whole. */
export interface RecordingLabels {
  operator: string;
  tags: readonly string[];
  members: readonly MemberPart[];
  /** What of the rows remains after thinning, and what was there; '' if nothing was thinned. */
  thinned: string;
}

/** What the host says about a recording: into metadata records of every part, the last one of a kind counts. */
export interface RecordingAbout {
  appVersion: string;
  clock: RecordedClock;
  notes: string;
  operator: string;
  /** Bench file, or the name of a bench never saved; '' for none. */
  bench: string;
  instruments: RecordedInstrument[];
  channels: DescribedChannel[];
}

/** A JSON value in a text; what is none, or does not fit, is absent: files may hold anything. */
function jsonText<T>(schema: z.ZodType<T>, absent: T): z.ZodType<T> {
  return z.unknown().transform((value) => {
    try {
      return schema.parse(JSON.parse(String(value)));
    } catch {
      return absent;
    }
  });
}

const optionalNumber = jsonText(z.number().nullable(), null);

/** The metadata record `labwire.recording` of one part; MCAP metadata are texts. */
export const partHead = z.object({
  id: z.string().min(1).max(300),
  name: z.string(),
  /** ns since 1970. */
  started: z.string().regex(/^-?\d{1,19}$/),
  part: z.coerce.number().int().min(1),
  appVersion: z.string().default(''),
  notes: z.string().default(''),
  operator: z.string().default(''),
  bench: z.string().default(''),
  tags: jsonText(z.array(z.string()), []).default([]),
  clockSource: z.string().default(''),
  clockOffsetS: optionalNumber.default(null),
  clockUncertaintyS: optionalNumber.default(null),
  thinned: z.string().default(''),
  members: jsonText(z.array(memberPart), []).default([]),
  repeats: jsonText(z.array(repeatedPart), []).default([]),
});
export type PartHead = z.infer<typeof partHead>;

/** The entries of `labwire.recording`; what is not known or empty is left out, except what version 1 always had. */
export function headEntries(head: PartHead): Map<string, string> {
  const { id, name, started, part, appVersion, clockSource, notes } = head;
  const entries = { id, name, started, part: String(part), appVersion, clockSource, notes };
  const map = new Map(Object.entries(entries));
  const add = (key: string, value: string, isKnown = value !== ''): void => {
    if (isKnown) map.set(key, value);
  };
  add('operator', head.operator);
  add('bench', head.bench);
  add('tags', JSON.stringify(head.tags), head.tags.length > 0);
  add('clockOffsetS', JSON.stringify(head.clockOffsetS), head.clockOffsetS !== null);
  add('clockUncertaintyS', JSON.stringify(head.clockUncertaintyS), head.clockUncertaintyS !== null);
  add('thinned', head.thinned);
  add('members', JSON.stringify(head.members), head.members.length > 0);
  add('repeats', JSON.stringify(head.repeats), head.repeats.length > 0);
  return map;
}
