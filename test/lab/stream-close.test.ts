import { expect, test } from 'vitest';
import type { LabStream } from '../../src/lab/equipment.ts';
import type { StreamKeeper } from '../../src/lab/stream-keeper/stream-keeper.ts';
import type { ArrivedRows, StreamSpec } from '../../src/lab/stream-keeper/stream-spec.ts';
import { StreamTable } from '../../src/lab/stream-keeper/stream-table.ts';
import { ManualPorts } from './manual-ports.ts';
import { RecordingOutlet } from './recording-outlet.ts';

const CLOSED = 'The stream was closed before the hole was filled.';

interface Waiting {
  ports: ManualPorts;
  table: StreamTable;
  stream: LabStream;
  outlet: RecordingOutlet;
  losses: [number, string, boolean][];
  /** Whether the server was told that its answer is not waited for. */
  isGivenUp(): boolean;
}

/** A stream with rows 0 to 9 delivered, and 20 to 29 waiting for those between, which the server never gives. */
async function waitForHole(): Promise<Waiting> {
  const ports = new ManualPorts();
  const losses: Waiting['losses'] = [];
  const table = new StreamTable(ports, { onSummary() {}, onLoss: (_, ...loss) => losses.push(loss) });
  const outlet = new RecordingOutlet();
  let asked: AbortSignal | undefined;
  const spec: StreamSpec = {
    key: 'psu/readings',
    start() {},
    stop() {},
    fill: (_, signal) => {
      asked = signal;
      return new Promise(() => {});
    },
  };
  const stream = table.open(spec, 100, outlet);
  const keeper = table.get(spec.key) as StreamKeeper;
  table.setHealth('live', '');
  keeper.opened({ columns: [{ channel: 'ch1.voltage', unit: 'V' }], rateHz: 10 });
  await push(ports, keeper, 0);
  table.setHealth('trying', 'The connection broke.');
  await ports.clock.advance(1000);
  table.setHealth('live', '');
  await push(ports, keeper, 20);
  expect(outlet.values).toHaveLength(10);
  return { ports, table, stream, outlet, losses, isGivenUp: () => asked?.aborted === true };
}

async function push({ clock }: ManualPorts, keeper: StreamKeeper, from: number): Promise<void> {
  for (let seq = from; seq < from + 10; seq++) {
    await clock.advance(100);
    const rows: ArrivedRows = {
      columns: [Float64Array.of(seq)],
      rows: 1,
      timesNs: BigInt64Array.of(clock.nowNs()),
      uncertaintyS: 0.001,
      seq,
      epoch: 1,
    };
    keeper.push(rows);
  }
}

function expectAllOut({ ports, outlet, losses, isGivenUp }: Waiting, reason: string): void {
  expect(outlet.values).toEqual([...range(0, 10), ...range(20, 30)]);
  expect(outlet.gaps).toMatchObject([{ lost: 10, reason }]);
  expect(losses).toEqual([[10, reason, false]]);
  expect(outlet.faults).toEqual([]);
  expect(isGivenUp()).toBe(true);
  expect(ports.clock.pending).toBe(0);
}

test('closed by its last consumer while rows wait for a hole: they go out with their gap', async () => {
  const at = await waitForHole();
  await at.stream[Symbol.asyncDispose]();
  expectAllOut(at, `The connection broke. ${CLOSED}`);
  expect(at.stream.stats).toMatchObject({ rows: 20, lost: 10, unaccounted: 0 });
  expect(at.table.size).toBe(0);
});

test('the server is given up while rows wait for a hole: they go out with their gap', async () => {
  const at = await waitForHole();
  at.table[Symbol.dispose]();
  expectAllOut(at, `The connection broke. ${CLOSED}`);
  // The consumer lets go afterwards: nothing comes twice.
  await at.stream[Symbol.asyncDispose]();
  expect(at.outlet.values).toHaveLength(20);
});

test('closed without a connection while rows are kept for the next one: they go out with their gap', async () => {
  const at = await waitForHole();
  at.table.setHealth('trying', 'It broke again.');
  expect(at.outlet.values).toHaveLength(10);
  await at.stream[Symbol.asyncDispose]();
  expectAllOut(at, `The connection broke. ${CLOSED}`);
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
