import { METADATA } from './file-layout.ts';
import type { RecorderOptions } from './recorder-options.ts';
import type { RecorderPart } from './recorder-part.ts';
import { headEntries, type RecordingAbout, type RepeatedPart } from './recording-about.ts';

/** What names a recording. */
interface RecordingName {
  id: string;
  name: string;
  startedNs: bigint;
}

/** Writes into parts what the host says about the recording, once, and again when it changes. */
export class PartAnnouncer {
  readonly #recording: RecordingName;
  readonly #labels: RecorderOptions['labels'];
  #about: RecordingAbout;
  #text = '';
  /** What was said of the clock in the part, and what that part repeats. */
  #clockText = '';
  #repeats: readonly RepeatedPart[] = [];

  constructor(recording: RecordingName, { about, labels }: Pick<RecorderOptions, 'about' | 'labels'>) {
    this.#recording = recording;
    this.#about = about;
    this.#labels = labels;
  }

  /** The head of a part that begins. */
  begin(part: RecorderPart, repeats: readonly RepeatedPart[]): void {
    part.announceHead(`labwire ${this.#about.appVersion}`);
    this.head(part, repeats);
    this.#text = '';
    this.#announce(part, false);
  }

  /** Which recording and part it is; the last one of a part counts. */
  head(part: RecorderPart, repeats: readonly RepeatedPart[]): void {
    const { appVersion, clock, notes, bench, operator } = this.#about;
    const { id, name, startedNs } = this.#recording;
    this.#clockText = JSON.stringify(clock);
    this.#repeats = repeats;
    const entries = headEntries({
      id,
      name,
      started: String(startedNs),
      part: part.number,
      appVersion,
      notes,
      operator: this.#labels?.operator ?? operator,
      bench,
      tags: [...(this.#labels?.tags ?? [])],
      clockSource: clock.source,
      clockOffsetS: clock.offsetS,
      clockUncertaintyS: clock.uncertaintyS,
      thinned: this.#labels?.thinned ?? '',
      members: [...(this.#labels?.members ?? [])],
      repeats: [...repeats],
    });
    part.announceMetadata(METADATA.recording, entries);
  }

  describe(part: RecorderPart, about: RecordingAbout): void {
    this.#about = about;
    if (JSON.stringify(about.clock) !== this.#clockText) this.head(part, this.#repeats);
    this.#announce(part, false);
  }

  /** Rates got change all the time: they are no news until the part ends. */
  end(part: RecorderPart): void {
    if (this.#about.channels.some((channel) => channel.rateGotHz != null)) this.#announce(part, true);
  }

  #announce(part: RecorderPart, isLast: boolean): void {
    const { instruments, channels } = this.#about;
    const text = JSON.stringify([instruments, channels.map((channel) => ({ ...channel, rateGotHz: null }))]);
    if (text === this.#text && !isLast) return;
    this.#text = text;
    part.announceMetadata(METADATA.instruments, byId(instruments));
    part.announceMetadata(METADATA.channels, byId(channels));
  }
}

function byId(list: { id: string }[]): Map<string, string> {
  return new Map(list.map((entry) => [entry.id, JSON.stringify(entry)]));
}
