import { rowsPerColumn } from '../../core/decimate.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import type { History } from '../history/history.ts';
import { type HistoryAnswer, type HistoryRequest, Pieces } from '../history/history-pieces.ts';
import { ANSWER_BYTES } from '../history/read-history.ts';
import { readSegments } from '../history/read-segments.ts';
import type { StreamHistory } from '../history/stream-history.ts';
import type { FlightShelf, FlightView } from './flight-shelf.ts';
import { JoinedLane } from './joined-lane.ts';
import { streamName } from './open-streams.ts';

/** Streams that only the disk knows are numbered from here: live ones never come so far, those of replays lie elsewhere. */
const FIRST_STREAM = 2 ** 31 + 2 ** 30;
/** Numbers kept; after that they begin anew. */
const MOST_NUMBERS = 100_000;

/**
 * History of the live streams beyond memory: what memory has let go, or has only coarsely, comes from the files of the flight recorder, those of earlier runs
 * included. The same questions and the same pieces.
 */
export class LiveHistory {
  readonly #history: History;
  readonly #shelf: FlightShelf;
  readonly #numbers = new Map<string, number>();

  constructor(history: History, shelf: FlightShelf) {
    this.#history = history;
    this.#shelf = shelf;
  }

  /** Whether the disk has anything of the question that memory has not, or not as fine. */
  isBeyond(request: HistoryRequest): boolean {
    const reachNs = this.#reachOf(request);
    return reachNs > request.fromNs && this.#shelf.has(request.fromNs, reachNs);
  }

  /** Reads from disk and memory and sends it in pieces, all before it resolves. Files that cannot be read are left out. */
  async read(request: HistoryRequest, send: (frame: ArrayBuffer) => void, signal: AbortSignal): Promise<HistoryAnswer> {
    return this.#shelf.read(request.fromNs, this.#reachOf(request), async ({ view, toNs }) => {
      signal.throwIfAborted();
      if (toNs === undefined || toNs >= request.toNs) return this.#answer(view, request, send, signal);
      // More files than may be open: the rest is another question, in columns as wide.
      const share = Number(toNs - request.fromNs) / Number(request.toNs - request.fromNs);
      const width = Math.max(1, Math.round(request.width * share));
      const answer = await this.#answer(view, { ...request, toNs, width }, send, signal);
      return { ...answer, nextNs: answer.nextNs ?? toNs };
    });
  }

  async #answer(
    view: FlightView,
    request: HistoryRequest,
    send: (frame: ArrayBuffer) => void,
    signal: AbortSignal,
  ): Promise<HistoryAnswer> {
    const lanes: JoinedLane[] = [];
    for (const lane of this.#lanesOf(view, request)) if (await lane.locate(request)) lanes.push(lane);
    const limit = Math.floor(request.limit / Math.max(1, lanes.length));
    for (const lane of lanes) lane.setShare(limit, ANSWER_BYTES / lanes.length);
    let nextNs: bigint | null = null;
    for (const lane of lanes) {
      const cutNs = await lane.cutNs(request);
      if (cutNs !== undefined && (nextNs === null || cutNs < nextNs)) nextNs = cutNs;
    }
    const pieces = new Pieces(send);
    let exact = true;
    const streams: StreamInfo[] = [];
    for (const lane of lanes) {
      signal.throwIfAborted();
      if (nextNs !== null) await lane.cutAt(nextNs);
      if (lane.isEmpty) continue;
      streams.push(lane.info);
      if (!(await lane.send(request, pieces))) exact = false;
    }
    const segments = request.raw ? readSegments(this.#history, request, pieces) : [];
    pieces.end();
    return { streams: [...streams, ...segments], exact, nextNs };
  }

  /** One for each stream of the channels, of the disk, of memory, or of both; oldest first. */
  #lanesOf(view: FlightView, request: HistoryRequest): JoinedLane[] {
    const lanes = new Map<string, JoinedLane>();
    const memory = new Map(
      this.#history.streamsOf(request.channels).map((found) => [streamName(found.stream.info), found]),
    );
    for (const stream of view.recording.streams) {
      const { info } = stream;
      if (info.kind === 'segment' || stream.rows === 0) continue;
      const ids = info.columns.map(({ channel }) => channelId(info.instrument, channel));
      const indices = request.channels.map((channel) => ids.indexOf(channel)).filter((index) => index >= 0);
      if (indices.length === 0) continue;
      const name = streamName(info);
      const live = memory.get(name)?.stream;
      memory.delete(name);
      const gaps = view.recording.info.gaps.filter(
        ({ stream: key, epoch }) => key === info.key && epoch === info.epoch,
      );
      const known = live ? live.info : { ...info, id: this.#numberOf(name) };
      lanes.set(name, new JoinedLane(known, [...new Set(indices)], live, view.rowsOf(stream), gaps));
    }
    for (const [name, { stream, channels }] of memory) {
      lanes.set(name, new JoinedLane(stream.info, channels, stream, undefined, []));
    }
    return [...lanes.values()].sort((a, b) => a.info.epoch - b.info.epoch);
  }

  /** The time before which memory has not all of what is asked, as fine as it is asked. */
  #reachOf(request: HistoryRequest): bigint {
    const { fromNs, toNs, channels } = request;
    const begins = new Map<string, bigint>();
    let reachNs = fromNs;
    for (const { stream, channels: indices } of this.#history.streamsOf(channels)) {
      const first = stream.firstRow;
      if (first === undefined) continue;
      const beginNs = stream.timeOf(first);
      for (const index of indices) {
        const id = channelId(stream.info.instrument, stream.info.columns[index]?.channel ?? '');
        const before = begins.get(id);
        if (before === undefined || beginNs < before) begins.set(id, beginNs);
      }
      const lackNs = lackOf(stream, request);
      if (lackNs > reachNs) reachNs = lackNs;
    }
    for (const channel of channels) {
      const beginNs = begins.get(channel) ?? toNs;
      if (beginNs > reachNs) reachNs = beginNs;
    }
    return reachNs < toNs ? reachNs : toNs;
  }

  #numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.#numbers.size >= MOST_NUMBERS) this.#numbers.clear();
    const number = FIRST_STREAM + this.#numbers.size;
    this.#numbers.set(name, number);
    return number;
  }
}

/** Up to which time memory has a stream more coarsely than is asked, or not at all. */
function lackOf(stream: StreamHistory, { fromNs, toNs, width, raw }: HistoryRequest): bigint {
  const from = stream.rowAt(fromNs);
  const to = stream.rowAt(toNs);
  if (from >= to) return fromNs;
  const n = raw ? 1 : rowsPerColumn((to - from) / width);
  const exact = Math.min(to, stream.exactRow(n) ?? to);
  return exact > from ? stream.timeOf(exact) : fromNs;
}
