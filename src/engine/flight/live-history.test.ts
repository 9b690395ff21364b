import { expect, it } from 'vitest';
import { FlightBench } from '../../../test/fixtures/flight-bench.ts';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import type { KeptRow, RowKeeper } from '../../../test/fixtures/recorded-run.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { ColumnsFrameBlock, FrameBlock, RawFrameBlock } from '../../contract/frames.ts';
import { rowTimeNs } from '../../core/batch.ts';
import { columnRow, columnRows } from '../../core/decimate.ts';
import { type SeededRandom, seededRandom } from '../../core/seeded-random.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import { History } from '../history/history.ts';
import type { HistoryAnswer, HistoryRequest } from '../history/history-pieces.ts';
import { readHistory } from '../history/read-history.ts';
import { FlightShelf, type FlightShelfLimits } from './flight-shelf.ts';
import { LiveHistory } from './live-history.ts';

const CHANNELS = ['daq/ai0', 'daq/ai2', 'supply/ch1.current'];
const NEVER = new AbortController().signal;
const SECOND = 1_000_000_000n;

/** A bench whose history keeps little in memory, and a flight recorder that keeps all. */
class Place implements AsyncDisposable {
  readonly bench: FlightBench;
  readonly history: History;
  readonly shelf: FlightShelf;
  readonly live: LiveHistory;
  /** Questions that memory alone could not answer. */
  beyond = 0;

  constructor(
    random: SeededRandom,
    disk: MemoryVolume,
    before?: Place,
    limits?: Partial<FlightShelfLimits>,
    sizeBytes = 120_000,
  ) {
    const earlier = before && {
      clock: before.bench.clock,
      keeper: before.bench.keeper,
      lastEpoch: before.bench.lastEpoch,
    };
    this.bench = new FlightBench({
      random,
      disk,
      rateHz: 50,
      limits: { partSeconds: 60, recorder: { chunkBytes: 20_000 } },
      ...earlier,
    });
    this.history = new History({ sizeBytes });
    this.bench.fan.add(this.history);
    this.shelf = new FlightShelf(this.bench.flight, disk, this.bench.clock, limits);
    this.live = new LiveHistory(this.history, this.shelf);
  }

  /** As the engine answers, and as a screen goes on asking until it has all. */
  async ask(asked: Omit<HistoryRequest, 'request' | 'limit'> & { limit?: number }): Promise<Answered> {
    const answered: Answered = { blocks: [], rounds: [], streams: new Map(), exact: true };
    let fromNs = asked.fromNs;
    for (;;) {
      const blocks: FrameBlock[] = [];
      const left = Number(asked.toNs - fromNs) / Number(asked.toNs - asked.fromNs);
      const width = Math.max(16, Math.round(asked.width * left));
      const request = { request: 7, limit: 100_000, ...asked, fromNs, width };
      const answer = await this.#once(request, (frame) => blocks.push(...viewFrame(frame).blocks));
      answered.blocks.push(...blocks);
      answered.rounds.push({ blocks, fromNs, toNs: answer.nextNs ?? asked.toNs });
      answered.exact &&= answer.exact;
      for (const info of answer.streams) answered.streams.set(info.id, info);
      if (answer.nextNs === null) return answered;
      expect(answer.nextNs).toBeGreaterThan(fromNs);
      fromNs = answer.nextNs;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shelf[Symbol.asyncDispose]();
    await this.bench[Symbol.asyncDispose]();
  }

  async #once(request: HistoryRequest, send: (frame: ArrayBuffer) => void): Promise<HistoryAnswer> {
    if (!this.live.isBeyond(request)) return readHistory(this.history, request, send);
    this.beyond++;
    return this.live.read(request, send, NEVER);
  }
}

interface Answered {
  /** Of all rounds. */
  blocks: FrameBlock[];
  rounds: { blocks: FrameBlock[]; fromNs: bigint; toNs: bigint }[];
  streams: Map<number, StreamInfo>;
  exact: boolean;
}

/** What was sent of the channels in [fromNs, toNs), by stream. */
function expectedRows(keeper: RowKeeper, fromNs: bigint, toNs: bigint): Map<string, Map<number, KeptRow>> {
  const found = new Map<string, Map<number, KeptRow>>();
  for (const [id, rows] of keeper.rows) {
    const info = keeper.infos.get(id);
    if (!info || !channelsOf(info).some(({ id }) => CHANNELS.includes(id))) continue;
    const inside = rows.filter(({ timeNs }) => timeNs >= fromNs && timeNs < toNs);
    if (inside.length > 0) found.set(`${info.key} ${info.epoch}`, new Map(inside.map((row) => [row.row, row])));
  }
  return found;
}

function channelsOf(info: StreamInfo): { id: string; index: number }[] {
  return info.columns.map(({ channel }, index) => ({ id: channelId(info.instrument, channel), index }));
}

/** Every row once, with its time and values, and no other. */
function checkRaw({ blocks, streams }: Answered, keeper: RowKeeper, fromNs: bigint, toNs: bigint): void {
  const expected = expectedRows(keeper, fromNs, toNs);
  for (const block of blocks) {
    if (block.kind !== 'raw') continue;
    const { batch, channels, stream } = block as RawFrameBlock;
    const info = streams.get(stream);
    const rows = expected.get(`${info?.key} ${info?.epoch}`);
    for (let row = 0; row < batch.rows; row++) {
      const sent = rows?.get(batch.seq + row);
      if (!sent)
        throw new Error(`row ${batch.seq + row} of ${info?.key} ${info?.epoch} is there twice, or was not asked for`);
      rows?.delete(batch.seq + row);
      expect(rowTimeNs({ ...batch, buffer: new ArrayBuffer(0) }, row)).toBe(sent.timeNs);
      expect(batch.columns.map((column) => column[row])).toEqual(channels.map((channel) => sent.values[channel]));
    }
  }
  for (const [name, rows] of expected) expect([name, [...rows.keys()]]).toEqual([name, []]);
}

/** In each round each row in one column, each column with the extent of its rows and some of them asked for. Gives the rows of the largest. */
function checkColumns({ rounds, streams }: Answered, keeper: RowKeeper): number {
  let largest = 0;
  for (const { blocks, fromNs, toNs } of rounds) {
    const expected = expectedRows(keeper, fromNs, toNs);
    // A column that the end of one answer cuts goes beyond it, and comes again with the next.
    const all = expectedRows(keeper, 0n, 2n ** 62n);
    for (const block of blocks) {
      if (block.kind !== 'columns') continue;
      const { columns, channels, stream } = block as ColumnsFrameBlock;
      const info = streams.get(stream);
      const name = `${info?.key} ${info?.epoch}`;
      largest = Math.max(largest, columns.n);
      for (let at = 0; at < columns.length; at++) {
        const first = columnRow(columns, at);
        const rows = takeRows(all.get(name), first, columnRows(columns, at));
        if (rows.length === 0)
          throw new Error(`column of row ${first} of ${name}: a row was never sent, or is there twice`);
        const wanted = rows.filter(({ row }) => expected.get(name)?.delete(row));
        if (wanted.length === 0) throw new Error(`column of row ${first} of ${name} was not asked for`);
        for (const [index, channel] of channels.entries()) {
          const values = rows.map(({ values }) => values[channel] ?? Number.NaN);
          const extent = [columns.min[index]?.[at], columns.max[index]?.[at]];
          if (extent[0] !== Math.min(...values) || extent[1] !== Math.max(...values)) {
            throw new Error(
              `column of row ${first} of ${name}: ${extent}, not ${Math.min(...values)}, ${Math.max(...values)}`,
            );
          }
        }
      }
    }
    for (const [name, rows] of expected) expect([name, [...rows.keys()]]).toEqual([name, []]);
  }
  return largest;
}

/** Takes neighbouring rows out; none if one of them is not there. */
function takeRows(sent: Map<number, KeptRow> | undefined, first: number, count: number): KeptRow[] {
  const rows: KeptRow[] = [];
  for (let row = first; row < first + count; row++) {
    const kept = sent?.get(row);
    if (!kept) return [];
    rows.push(kept);
    sent?.delete(row);
  }
  return rows;
}

it('what memory has let go comes from disk: every row, every column, in one answer with what memory has', async () => {
  const random = seededRandom(1);
  const volume = new MemoryVolume();
  await using place = new Place(random, volume);
  await place.bench.flight.start();
  const startNs = place.bench.clock.nowNs();
  await place.bench.run(240, 200);
  // Memory holds a part of it, and it is exact about that.
  expect(place.history.stream(1)?.ring.firstRow).toBeGreaterThan(1000);
  const sizes = new Set<number>();
  for (let question = 0; question < 20; question++) {
    await place.bench.run(0.4, 200);
    const nowNs = place.bench.clock.nowNs() - SECOND / 4n;
    const spanNs = BigInt(1 + random.below(Number((nowNs - startNs) / 1_000_000n))) * 1_000_000n;
    const fromNs = startNs + BigInt(random.below(Number((nowNs - startNs - spanNs) / 1_000_000n) + 1)) * 1_000_000n;
    const toNs = fromNs + spanNs;
    const raw = random.next() < 0.3;
    const limit = random.next() < 0.3 ? 500 : 100_000;
    const answered = await place.ask({ channels: CHANNELS, fromNs, toNs, width: 16 + random.below(1500), raw, limit });
    expect(answered.exact).toBe(true);
    if (raw) checkRaw(answered, place.bench.keeper, fromNs, toNs);
    else sizes.add(checkColumns(answered, place.bench.keeper));
  }
  expect(place.beyond).toBeGreaterThan(9);
  expect(sizes.size).toBeGreaterThan(3);
});

it('what earlier runs of the engine measured is there, under numbers no live stream has', async () => {
  const random = seededRandom(2);
  const volume = new MemoryVolume();
  const yesterday = new Place(random, volume);
  await yesterday.bench.flight.start();
  const startNs = yesterday.bench.clock.nowNs();
  await yesterday.bench.run(200, 200);
  await yesterday[Symbol.asyncDispose]();
  await yesterday.bench.clock.advance(3_600_000);
  const restartedNs = yesterday.bench.clock.nowNs();
  await using today = new Place(random, volume, yesterday);
  await today.bench.flight.start();
  await today.bench.run(120, 200);
  const nowNs = today.bench.clock.nowNs() - SECOND / 4n;
  for (const [fromNs, toNs] of [
    [startNs, nowNs],
    [startNs + 20n * SECOND, startNs + 50n * SECOND],
    [restartedNs - 3500n * SECOND, nowNs],
  ] as const) {
    for (const raw of [false, true]) {
      const answered = await today.ask({ channels: CHANNELS, fromNs, toNs, width: 800, raw });
      expect(answered.exact).toBe(true);
      if (raw) checkRaw(answered, today.bench.keeper, fromNs, toNs);
      else checkColumns(answered, today.bench.keeper);
      for (const { id, epoch } of answered.streams.values()) {
        const isLive = BigInt(epoch) * 1000n >= restartedNs;
        expect(isLive ? today.bench.fan.streams.map((info) => info.id).includes(id) : id > 2 ** 31).toBe(true);
      }
    }
  }
  // The same stream has the same number each time.
  const ask = { channels: CHANNELS, fromNs: startNs, toNs: startNs + 60n * SECOND, width: 100, raw: false };
  expect([...(await today.ask(ask)).streams]).toEqual([...(await today.ask(ask)).streams]);
});

it('more files than may be open at once are read in turns, without a row twice or missing', async () => {
  const random = seededRandom(3);
  const volume = new MemoryVolume();
  await using place = new Place(random, volume, undefined, { files: 2 });
  await place.bench.flight.start();
  const fromNs = place.bench.clock.nowNs();
  await place.bench.run(720, 1000);
  const toNs = place.bench.clock.nowNs() - SECOND;
  expect(place.bench.flight.ring.parts.length).toBeGreaterThan(10);
  const answered = await place.ask({ channels: CHANNELS, fromNs, toNs, width: 500, raw: true });
  expect(answered.rounds.length).toBeGreaterThan(4);
  checkRaw(answered, place.bench.keeper, fromNs, toNs);
});

it('a file may go while screens look into it; what is left comes from memory, coarser, and says so', async () => {
  const random = seededRandom(4);
  const volume = new MemoryVolume();
  await using place = new Place(random, volume);
  await place.bench.flight.start();
  const fromNs = place.bench.clock.nowNs();
  await place.bench.run(600, 200);
  const toNs = place.bench.clock.nowNs() - SECOND;
  const ask = { channels: ['daq/ai0'], fromNs, toNs, width: 1500, raw: false };
  expect((await place.ask(ask)).exact).toBe(true);
  const [reading] = await Promise.all([place.ask(ask), place.bench.flight.ring.removeOldest()]);
  expect(reading.blocks.length).toBeGreaterThan(0);
  while (await place.bench.flight.ring.removeOldest());
  const left = await place.ask(ask);
  expect(left.exact).toBe(false);
  // It is the same question to memory, coarser.
  const rows = left.blocks
    .filter((block) => block.kind === 'columns')
    .reduce((sum, { columns }) => sum + columns.rows, 0);
  expect(rows).toBeGreaterThan(20_000);
});

it('nothing is read from disk that memory has as fine', async () => {
  const random = seededRandom(5);
  const volume = new MemoryVolume();
  await using place = new Place(random, volume, undefined, {}, 50_000_000);
  await place.bench.flight.start();
  const fromNs = place.bench.clock.nowNs();
  await place.bench.run(200, 200);
  const toNs = place.bench.clock.nowNs();
  for (const raw of [true, false])
    await place.ask({ channels: CHANNELS, fromNs: fromNs + SECOND, toNs, width: 900, raw });
  expect(place.beyond).toBe(0);
});
