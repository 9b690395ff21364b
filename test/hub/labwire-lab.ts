import { expect } from 'vitest';
import { measuredColumns, type StreamInfo } from '../../src/core/stream-info.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { readRawHistory } from '../../src/hub/bench/raw-history.ts';
import type { LabStream } from '../../src/lab/equipment.ts';
import type { LabServerEvent, LabServerOptions } from '../../src/lab/lab-server.ts';
import { type LabwireServer, openLabwire } from '../../src/lab/labwire/labwire-server.ts';
import { FRAME_FLAG, type LabwireFrame } from '../../src/protocol/lab/labwire-frame.ts';
import { RowLog } from '../lab/row-log.ts';
import type { HubLab } from './hub-harness.ts';
import type { LabwireProbe, Said } from './labwire-probe.ts';

/** Our own client at a hub. */
export interface HubClient extends AsyncDisposable {
  client: LabwireServer;
  events: LabServerEvent[];
  want(key: string, intervalMs: number): { log: RowLog; stream: LabStream };
}

/** Opens our client; `host`: of the hub, or of a proxy before it. */
export function openHubClient(host: string, options: Partial<LabServerOptions> = {}): HubClient {
  const ports = createNodePorts(createSystemClock());
  const client = openLabwire(ports, { url: `http://${host}`, ...options });
  const events: LabServerEvent[] = [];
  client.onEvent((event) => events.push(event));
  const streams: LabStream[] = [];
  return {
    client,
    events,
    want(key, intervalMs) {
      const cut = key.indexOf('/');
      const log = new RowLog();
      const stream = client.openStream(key.slice(0, cut), key.slice(cut + 1), intervalMs, log);
      streams.push(stream);
      return { log, stream };
    },
    async [Symbol.asyncDispose]() {
      for (const stream of streams) await stream[Symbol.asyncDispose]();
      await client[Symbol.asyncDispose]();
      ports[Symbol.dispose]();
    },
  };
}

/** Feeds something, so that no two rows of the supply are alike. */
export async function feed({ screen }: HubLab, instrument: string): Promise<void> {
  for (const [control, value] of [
    ['ch1.voltage.set', 5],
    ['ch1.current.set', 2],
    ['ch1.output', true],
  ] as const)
    await screen.client.call('instrument.set', { instrument, control, value });
}

/** Key on the wire of the first stream of a simulated instrument's role. */
export function keyOf({ bench }: HubLab, prefix: string, name = 'readings'): { key: string; info: StreamInfo } {
  const equipment = bench.equipment.find(({ id }) => id.startsWith(`${prefix}_`));
  const stream = equipment?.streams.find((one) => one.name === name);
  if (!equipment || !stream) throw new Error(`no stream ${name} of ${prefix}`);
  return { key: `${equipment.id}/${name}`, info: stream.info };
}

export interface TrueRow {
  seq: number;
  timeNs: bigint;
  values: number[];
}

/** What the engine itself keeps of a stream, by row number: read by another screen, past the hub. */
export async function trueRows({ screen }: HubLab, info: StreamInfo): Promise<Map<number, TrueRow>> {
  const channels = measuredColumns(info).map(({ channel }) => `${info.instrument}/${channel}`);
  const { pieces } = await readRawHistory(screen.client, {
    channels,
    fromNs: BigInt(info.epoch) * 1000n - 1_000_000_000n,
    toNs: BigInt(Date.now()) * 1_000_000n + 10_000_000_000n,
    limit: 1_000_000,
  });
  const rows = new Map<number, TrueRow>();
  for (const { block, stream } of pieces) {
    if (stream !== info.id) continue;
    const { batch } = block;
    for (let index = 0; index < batch.rows; index++) {
      const seconds = batch.times ? (batch.times[index] ?? 0) : index * batch.dtS;
      rows.set(batch.seq + index, {
        seq: batch.seq + index,
        timeNs: batch.t0Ns + BigInt(Math.round(seconds * 1e9)),
        values: batch.columns.map((column) => column[index] ?? Number.NaN),
      });
    }
  }
  return rows;
}

/** What a clock that was measured over a socket may be off before its first answer. */
const CLOCK_NS = 1e9;

/** Each row of the log is one of the engine's, in order and once; gives the numbers. `stepped`: rows between may be left out. */
export function compareRows(log: RowLog, truth: ReadonlyMap<number, TrueRow>): number[] {
  const all = [...truth.values()].sort((one, other) => one.seq - other.seq);
  const numbers: number[] = [];
  let at = 0;
  for (const { values, timeNs } of log.rowEntries) {
    const isIt = (row: TrueRow): boolean =>
      isSame(row.values, values) && Math.abs(Number(row.timeNs - timeNs)) < CLOCK_NS;
    while (at < all.length && !isIt(all[at] as TrueRow)) at++;
    const found = all[at];
    expect(found, `a row that the engine does not have after ${numbers.at(-1)}: ${values.join(' ')}`).toBeDefined();
    if (!found) return numbers;
    numbers.push(found.seq);
    at++;
  }
  return numbers;
}

export function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, index) => Object.is(value, other[index]));
}

/**
 * The invariant of every stream: seq = previous seq + previous rows + skipped; a gap that was named explains nothing of it. Gives what it saw. `first`: number
 * expected first.
 */
export function checkSequence(
  order: LabwireProbe['order'],
  key: string,
  handle: number,
  first?: number,
): { rows: number; skipped: Record<string, number>; replayed: number; numbers: number[] } {
  let next = first;
  let rows = 0;
  let replayed = 0;
  const skipped: Record<string, number> = {};
  const numbers: number[] = [];
  for (const one of order) {
    if (isFrame(one)) {
      if (one.handle !== handle) continue;
      const skip = one.skipped?.n ?? 0;
      if (one.skipped) skipped[one.skipped.reason] = (skipped[one.skipped.reason] ?? 0) + one.skipped.n;
      if (next !== undefined) expect(one.seq, `${key}: after ${next}, ${skip} skipped`).toBe(next + skip);
      for (let row = 0; row < one.rows; row++) numbers.push(one.seq + row);
      next = one.seq + one.rows;
      rows += one.rows;
      if (one.flags & FRAME_FLAG.replay) replayed += one.rows;
    } else if (one.type === 'stream_data' && one.key === key) {
      const { seq, skipped: skip } = one as Said & { seq: number; skipped?: { n: number; reason: string } };
      if (skip) skipped[skip.reason] = (skipped[skip.reason] ?? 0) + skip.n;
      if (next !== undefined) expect(seq).toBe(next + (skip?.n ?? 0));
      numbers.push(seq);
      next = seq + 1;
      rows++;
    } else if (one.type === 'stream_reset' && one.key === key) next = undefined;
  }
  return { rows, skipped, replayed, numbers };
}

function isFrame(one: Said | LabwireFrame): one is LabwireFrame {
  return 'payload' in one;
}
