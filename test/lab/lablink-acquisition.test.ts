import { expect, test } from 'vitest';
import { AcquisitionStream } from '../../src/lab/lablink/acquisition-stream.ts';
import { SocketTrust } from '../../src/lab/lablink/socket-trust.ts';
import { StreamStarter } from '../../src/lab/lablink/stream-starter.ts';
import { RestClient } from '../../src/lab/rest-client.ts';
import { ServerClock } from '../../src/lab/server-clock/server-clock.ts';
import { StreamTable } from '../../src/lab/stream-keeper/stream-table.ts';
import type { AcquisitionWindow } from '../../src/protocol/lab/lablink-message.ts';
import { ManualPorts } from './manual-ports.ts';
import { RecordingOutlet } from './recording-outlet.ts';

const INTERVAL_MS = 500;

/** An acquisition since the clock began, of a sample each `everyMs`; the value of a sample is its number. */
class Acquisition {
  readonly ports = new ManualPorts();
  readonly outlet = new RecordingOutlet();
  readonly losses: [number, string, boolean][] = [];
  readonly table = new StreamTable(this.ports, {
    minPollMs: 200,
    onSummary: () => undefined,
    onLoss: (_, ...loss) => this.losses.push(loss),
  });
  readonly everyMs: number;
  readonly spec: AcquisitionStream;
  readonly stream;
  /** Whether it is answered over REST. */
  answers = true;
  readonly #startNs = this.ports.clock.nowNs();

  constructor(everyMs = 10) {
    this.everyMs = everyMs;
    const { clock } = this.ports;
    this.ports.answer = ({ url }) => {
      const size = Number(new URL(url).searchParams.get('num_samples'));
      const json = this.answers ? { data: this.window(size) } : { detail: 'Not now.' };
      const body = new TextEncoder().encode(JSON.stringify(json));
      return { status: this.answers ? 200 : 500, headers: {}, body };
    };
    const place = {
      ports: this.ports,
      rest: new RestClient(this.ports, { base: 'http://lab.test:8000' }),
      clock: new ServerClock(clock),
      name: 'test',
      emit: () => undefined,
    };
    const starter = new StreamStarter({
      clock,
      send: () => true,
      renew: () => undefined,
      trust: () => new SocketTrust(),
      isSuspect: () => false,
      wantTrial: () => undefined,
      trustChanged: () => undefined,
      answers: () => true,
    });
    const facts = {
      id: 'acquired-1',
      equipment: 'scope',
      name: 'acquired',
      rateHz: 1000 / everyMs,
      channels: ['CH1'],
      unit: 'V',
    };
    const described = { isDated: false, isProof: false, start: () => 'start', stop: () => 'stop' };
    starter.describe('scope/acq-acquired', described);
    starter.connected('basic', undefined, {});
    this.spec = new AcquisitionStream(place, { ...facts, bufferSize: 10_000, slot: 1 }, starter, (columns) =>
      this.table.get(this.spec.key)?.opened({ columns, rateHz: 0 }),
    );
    this.stream = this.table.open(this.spec, INTERVAL_MS, this.outlet);
    this.spec.open();
  }

  get samples(): number {
    return Math.floor(this.ports.clock.monotonicMs() / this.everyMs);
  }

  window(size: number): AcquisitionWindow {
    const first = Math.max(0, this.samples - size);
    const numbers = Array.from({ length: this.samples - first }, (_, at) => first + at);
    const startMs = Number(this.#startNs / 1_000_000n);
    return {
      timestamps: numbers.map((n) => new Date(startMs + n * this.everyMs).toISOString()),
      values: { CH1: numbers },
      count: numbers.length,
    };
  }

  /** So many windows over the socket, one each interval. */
  async live(windows: number): Promise<void> {
    for (let n = 0; n < windows; n++) {
      await this.ports.clock.advance(INTERVAL_MS);
      const rows = this.spec.live(this.window(200), this.samples);
      if (rows) this.table.get(this.spec.key)?.push(rows);
    }
  }

  /** Everything since the first sample delivered, once. */
  get all(): number[] {
    const first = this.outlet.values[0] ?? 0;
    return Array.from({ length: this.samples - first }, (_, at) => first + at);
  }
}

test('windows over the socket, polled, over the socket again: each sample once, none lost', async () => {
  const at = new Acquisition();
  at.table.setHealth('live', '');
  await at.live(8);
  at.table.setHealth('down', 'cut');
  await at.ports.clock.advance(4000);
  at.table.setHealth('live', '');
  await at.live(4);
  expect(at.outlet.sources).toEqual(['live', 'polled', 'live']);
  expect(at.outlet.values).toEqual(at.all);
  expect(at.losses).toEqual([]);
  expect(at.outlet.gaps).toEqual([]);
  expect(at.stream.stats).toMatchObject({ lost: 0, unaccounted: 0, rows: at.all.length });
  expect(at.outlet.faults).toEqual([]);
  // Their numbers are known again: what a window misses now is counted, and fetched.
  await at.ports.clock.advance(1900);
  at.table.get(at.spec.key)?.push(at.spec.live(at.window(50), at.samples) ?? expect.fail('no rows'));
  await at.ports.clock.advance(100);
  expect(at.stream.stats).toMatchObject({ filled: 190 - 50, unaccounted: 190 - 50, lost: 0 });
});

test('polled at first, then windows over the socket: each sample once', async () => {
  const at = new Acquisition();
  at.table.setHealth('down', 'away');
  await at.ports.clock.advance(3000);
  at.table.setHealth('live', '');
  await at.live(4);
  expect(at.outlet.sources).toEqual(['polled', 'live']);
  expect(at.outlet.values).toEqual(at.all);
  expect(at.stream.stats).toMatchObject({ lost: 0, unaccounted: 0 });
});

test('one sample each two seconds: polled windows that overlap leave no gap', async () => {
  const at = new Acquisition(2000);
  at.table.setHealth('live', '');
  await at.live(20);
  at.table.setHealth('down', 'cut');
  await at.ports.clock.advance(60_000);
  at.table.setHealth('live', '');
  await at.live(20);
  expect(at.outlet.values).toEqual(at.all);
  expect(at.outlet.gaps).toEqual([]);
});

test('what neither a poll nor the first window reaches back to is a gap with its reason', async () => {
  const at = new Acquisition();
  at.table.setHealth('live', '');
  await at.live(8);
  at.table.setHealth('down', 'cut');
  await at.ports.clock.advance(4000);
  at.answers = false;
  await at.ports.clock.advance(20_000);
  // The next poll covers 8 s.
  at.answers = true;
  await at.ports.clock.advance(10_000);
  expect(at.outlet.gaps).toMatchObject([{ lost: 0, reason: 'What was polled does not reach back that far.' }]);
  at.answers = false;
  await at.ports.clock.advance(5000);
  at.table.setHealth('live', '');
  await at.live(2);
  expect(at.outlet.gaps).toHaveLength(2);
  // Each gap lies where samples are missing, and nowhere else are any.
  const holes = at.outlet.values.flatMap((value, index) => {
    const before = at.outlet.values[index - 1];
    return before === undefined || value === before + 1
      ? []
      : [[at.outlet.timesNs[index - 1], at.outlet.timesNs[index]]];
  });
  expect(at.outlet.gaps.map(({ fromNs, toNs }) => [fromNs, toNs])).toEqual(holes);
  expect(new Set(at.outlet.values).size).toBe(at.outlet.values.length);
  expect(at.outlet.faults).toEqual([]);
});
