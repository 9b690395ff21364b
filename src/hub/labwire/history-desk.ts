import { LabError } from '../../core/errors.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import type { StreamFeed } from '../bench/stream-feed.ts';
import type { Encoded } from '../delivery/outbound-message.ts';
import type { FeedSource } from './feed-source.ts';
import type { MissingRows, Past, PastReader } from './past-reader.ts';
import { type RowAccept, RowForm } from './row-form.ts';

export interface HistoryRange {
  epoch: number;
  /** Both belong to it. */
  from: number;
  to: number;
}

/** An answer of the past by message: rows first, each as a client of that stream gets them, flagged as replay; then how many and what is missing. */
export interface HistoryAnswer {
  rows: Encoded[];
  n: number;
  missing: MissingRows[];
}

/**
 * Rows of a stream that runs on a connection. Of another numbering nothing is sent: its frames could not be told from those of this one, so it is asked for over
 * REST. Throws what reading the past throws.
 */
export async function readHistory(
  past: PastReader,
  running: { source: FeedSource; feed: StreamFeed },
  accept: RowAccept,
  { epoch, from, to }: HistoryRange,
  limits: { maxRows: number; maxFrameBytes: number },
): Promise<HistoryAnswer> {
  const { source, feed } = running;
  const nothing = (reason: string): HistoryAnswer => ({ rows: [], n: 0, missing: [{ from, to, reason }] });
  if (to < from) return { rows: [], n: 0, missing: [] };
  if (epoch !== source.epoch) return nothing('Another numbering: ask for it over REST.');
  const found = await past.read({ info: feed.info, epoch, feed, from, to, maxRows: limits.maxRows });
  if (epoch !== source.epoch) return nothing('The stream began anew meanwhile: ask for it over REST.');
  const form = new RowForm(found.info, accept.codecs);
  const rows: Encoded[] = [];
  let n = 0;
  for (const part of found.rows) {
    n += part.to - part.from;
    rows.push(...encoded(form, part, source, accept, limits.maxFrameBytes));
  }
  const rest = found.next === undefined ? [] : [{ from: found.next, to, reason: 'Too many at once: ask again.' }];
  return { rows, n, missing: [...found.missing, ...rest] };
}

function* encoded(
  form: RowForm,
  { page, from, to }: Past['rows'][number],
  { key, epoch, handle }: FeedSource,
  { binary }: RowAccept,
  maxFrameBytes: number,
): Generator<Encoded> {
  const most = binary ? form.rowsIn(page, maxFrameBytes) : 1;
  for (let at = from; at < to; at += most) {
    const end = Math.min(to, at + most);
    yield binary
      ? form.frame(page, { handle, from: at, to: end, skipped: undefined, isReplay: true })
      : form.text(page, at, { key, ep: epoch, replay: true });
  }
}

/** A stream as clients name it. Throws hub.no-equipment, hub.no-stream. */
export function streamOf(bench: HubBench, key: string): HubBench['equipment'][number]['streams'][number] {
  const cut = key.indexOf('/');
  const equipment = bench.find(cut < 0 ? key : key.slice(0, cut));
  const stream = equipment.streams.find(({ name }) => name === key.slice(cut + 1));
  if (stream) return stream;
  throw new LabError('hub.no-stream', `There is no stream ${key.slice(0, 200)} now. Nothing was read.`);
}
