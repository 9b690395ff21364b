import { afterAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { LabError } from '../../src/core/errors.ts';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import type { Session } from '../../src/engine/session/session.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { createMemoryWire, type MemoryDevice } from '../../src/engine/transport/memory-transport.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import { openHislipServer } from '../../src/simulator/wire/hislip-server.ts';
import { openVxi11Server } from '../../src/simulator/wire/vxi11-server.ts';
import { FaultTally } from './faulty-instrument.ts';
import { createFaultyMessageDevice } from './faulty-message-device.ts';
import { type MemoryMessageWay, openMemoryMessageWay } from './memory-message-way.ts';
import { runFaults } from './session-suite.ts';
import { createTestDevice, type TestDevice } from './test-device.ts';

/** 3,000; the soak asks for more. */
const SAFETY_FAULTS = Math.max(3000, Number(process.env.LABWIRE_REAL_FAULTS ?? 0));

/** Outputs off on a session: whatever has the wire gives it up, and no answer goes astray. */
afterAll(() => expect(openScopes()).toEqual([]));

const BLOCK_BYTES = 16 * 1024 * 1024;
const said = (device: TestDevice): string[] => device.received.map((bytes) => Buffer.from(bytes).toString('latin1'));
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    (value) => `gave ${String(value)}`,
    (error: unknown) => LabError.from(error).code,
  );

interface Cleared {
  clock: ManualClock;
  device: TestDevice;
  way: MemoryMessageWay;
  session: Session;
}

/** A session on a message-based way with device clear. */
async function cleared(): Promise<Cleared> {
  const clock = new ManualClock();
  const device = createTestDevice();
  device.answer = (message) => (Buffer.from(message).includes('?') ? Buffer.from('1') : undefined);
  const way = openMemoryMessageWay(device);
  return { clock, device, way, session: await openSession({ clock, open: async () => way }) };
}

function blockOf(length: number): Uint8Array {
  const header = Buffer.from(`#${String(length).length}${length}`);
  return Buffer.concat([header, Buffer.alloc(length, 7), Buffer.from('\n')]);
}

describe('with device clear', () => {
  it('cuts a transfer of 16 MiB short without waiting: no time passes at all', async () => {
    const { clock, device, way, session } = await cleared();
    device.answer = (message) => (Buffer.from(message).includes('CURV') ? blockOf(BLOCK_BYTES) : Buffer.from('0'));
    const read = way.read.bind(way);
    const midway = new Promise<void>((resolve) => {
      let reads = 0;
      way.read = async (options) => {
        const part = await read(options);
        if (++reads === 4) {
          resolve();
          // The rest is on its way for ever.
          await new Promise((_, reject) =>
            options?.signal?.addEventListener('abort', () => reject(options.signal?.reason)),
          );
        }
        return part;
      };
    });
    const curve = codeOf(session.queryBlock('CURV?', { priority: 'background' }));
    await midway;
    const off = session.transaction(
      async (wire) => {
        await wire.write('OUTP OFF');
        return (await wire.query('OUTP?')).text;
      },
      { priority: 'safety' },
    );
    expect(await curve).toBe('safety.refused');
    expect(await off).toBe('0');
    expect(clock.monotonicMs()).toBe(0);
    expect(way.clears).toBe(1);
    expect(said(device).slice(-2)).toEqual(['OUTP OFF', 'OUTP?']);
    expect(await session.query('CURV2?', { expect: (reply) => reply.startsWith('#') })).toHaveLength(BLOCK_BYTES + 10);
    await session[Symbol.asyncDispose]();
  });

  it('ends a silent query and a command the device does not take', async () => {
    const { device, session } = await cleared();
    device.answer = (message) =>
      Buffer.from(message).includes('SLOW') ? new Promise<undefined>(() => {}) : Buffer.from('ok');
    const slow = codeOf(session.query('SLOW?', { priority: 'poll' }));
    await device.receivedAtLeast(1);
    expect(await session.query('NOW?', { priority: 'safety' })).toBe('ok');
    expect(await slow).toBe('safety.refused');
    await session[Symbol.asyncDispose]();
  });

  it('a transaction sends nothing more, whatever it catches', async () => {
    const { device, session } = await cleared();
    device.answer = (message) =>
      Buffer.from(message).includes('SLOW') ? new Promise<undefined>(() => {}) : Buffer.from('1');
    const caught: string[] = [];
    const setting = codeOf(
      session.transaction(async (wire) => {
        caught.push(await codeOf(wire.query('SLOW?')));
        caught.push(await codeOf(wire.write('OUTP ON')));
      }),
    );
    await device.receivedAtLeast(1);
    await session.write('OUTP OFF', { priority: 'safety' });
    expect(await setting).toBe('safety.refused');
    expect(await session.query('LAST?')).toBe('1');
    expect(said(device)).toEqual(['SLOW?', 'OUTP OFF', 'LAST?']);
    expect(caught).toEqual(['safety.refused', 'safety.refused']);
    await session[Symbol.asyncDispose]();
  });

  it('says to the way that it is urgent, also when nothing was on the wire', async () => {
    const { way, session } = await cleared();
    await session.query('A?');
    await session.write('OUTP OFF', { priority: 'safety' });
    await session.query('OUTP?', { priority: 'safety' });
    expect(way.writes.map(({ isUrgent }) => isUrgent ?? false)).toEqual([false, true, true]);
    expect(way.clears, 'nothing was under way').toBe(0);
    await session[Symbol.asyncDispose]();
  });

  it('shortens a recovery that is under way', async () => {
    const { clock, device, session } = await cleared();
    device.answer = (message) =>
      Buffer.from(message).includes('SLOW') ? new Promise<undefined>(() => {}) : Buffer.from('1');
    const slow = codeOf(session.query('SLOW?', { timeoutMs: 100 }));
    await clock.advance(100);
    expect(await slow).toBe('transport.timeout');
    expect(session.state).toBe('recovering');
    expect(await session.query('OUTP?', { priority: 'safety' })).toBe('1');
    expect(clock.monotonicMs()).toBe(100);
    await session[Symbol.asyncDispose]();
  });

  it('serves the second press behind the first, which is not cut short', async () => {
    const { device, way, session } = await cleared();
    let answer: ((bytes: Uint8Array) => void) | undefined;
    device.answer = () => new Promise((resolve) => (answer = resolve));
    const first = session.query('OUTP?', { priority: 'safety' });
    await device.receivedAtLeast(1);
    const second = session.query('OUTP2?', { priority: 'safety' });
    answer?.(Buffer.from('0'));
    expect(await first).toBe('0');
    await device.receivedAtLeast(2);
    answer?.(Buffer.from('0'));
    expect(await second).toBe('0');
    expect(way.clears).toBe(0);
    await session[Symbol.asyncDispose]();
  });

  it('uses controls of the way in turn, and says which there are', async () => {
    const { device, session } = await cleared();
    expect(session.can).toEqual({
      clear: true,
      trigger: true,
      statusByte: true,
      serviceRequest: false,
      lock: false,
      remoteLocal: false,
    });
    const asked = session.query('A?');
    device.setStatus(4);
    const status = session.control(async (control) => control.statusByte?.());
    expect(await asked).toBe('1');
    expect(await status).toBe(4);
    expect(await codeOf(session.control(async () => Promise.reject(new LabError('transport.busy', 'taken'))))).toBe(
      'transport.busy',
    );
    expect(session.state, 'refusing is an answer').toBe('open');
    await session[Symbol.asyncDispose]();
  });

  it(`${SAFETY_FAULTS} faults, a quarter of the exchanges for safety: no answer reaches another question`, {
    timeout: 120_000,
  }, async () => {
    const clock = new ManualClock();
    const random = seededRandom(3);
    const tally = new FaultTally();
    const plan = { clock, random, tally, rate: 0.4, timeoutMs: 2000 };
    const open = async (): Promise<MemoryMessageWay> => openMemoryMessageWay(createFaultyMessageDevice(plan));
    const result = await runFaults({
      isFormKnown: true,
      random,
      faults: SAFETY_FAULTS,
      tally,
      workers: 4,
      open: () => openSession({ clock, open, limits: { maxTrace: 50 } }),
      pass: (ms) => clock.advance(ms),
    });
    expect(result.wrong).toEqual([]);
    expect(result.odd).toEqual([]);
    expect(result.failed.get('safety.refused')).toBeGreaterThan(SAFETY_FAULTS / 10);
    expect(result.right).toBeGreaterThan(SAFETY_FAULTS / 4);
  });

  it.each([1, 2, 3, 4, 5])('in any order, nothing is switched on behind it (seed %i)', async (seed) => {
    const clock = new ManualClock();
    const random = seededRandom(seed);
    const device = createTestDevice();
    let output = 'OFF';
    device.answer = (message) => {
      const text = Buffer.from(message).toString('latin1');
      if (text.startsWith('OUTP ')) output = text.slice(5);
      if (!text.includes('?')) return undefined;
      const waitMs = random.below(4) === 0 ? random.below(5000) : 0;
      const reply = Buffer.from(text === 'OUTP?' ? output : 'v');
      return waitMs === 0 ? reply : new Promise((resolve) => void clock.after(waitMs, () => resolve(reply)));
    };
    const session = await openSession({ clock, open: async () => openMemoryMessageWay(device) });
    for (let round = 0; round < 200; round++) {
      const others = Array.from({ length: 1 + random.below(5) }, () => {
        const kind = random.below(4);
        if (kind === 0) return codeOf(session.write('OUTP ON'));
        if (kind === 1) return codeOf(session.query('MEAS?', { priority: 'poll' }));
        if (kind === 2) return codeOf(session.queryBlock('CURV?', { priority: 'background' }));
        return codeOf(
          session.transaction(async (wire) => {
            await wire.query('SYST:ERR?');
            await wire.write('OUTP ON');
            await wire.query('OUTP?');
          }),
        );
      });
      await clock.advance(random.below(3) * 20);
      const press = session.transaction(
        async (wire) => {
          await wire.write('OUTP OFF');
          return (await wire.query('OUTP?', 60_000)).text;
        },
        { priority: 'safety' },
      );
      let read: string | undefined;
      void press.then((text) => {
        read = text;
      });
      while (read === undefined) await clock.advance(50);
      expect(read).toBe('OFF');
      let isDone = false;
      void Promise.all(others).then(() => {
        isDone = true;
      });
      while (!isDone) await clock.advance(500);
      expect(output, `round ${round}`).toBe('OFF');
    }
    await session[Symbol.asyncDispose]();
  });
});

describe('without device clear', () => {
  interface Streaming {
    clock: ManualClock;
    session: Session;
    heard: string[];
    devices: MemoryDevice[];
  }

  async function streaming(isFreshOnReopen: boolean): Promise<Streaming> {
    const clock = new ManualClock();
    const heard: string[] = [];
    const devices: MemoryDevice[] = [];
    const open = async () => {
      const { transport, device } = createMemoryWire({ clock });
      devices.push(device);
      device.onBytes((bytes) => {
        for (const line of Buffer.from(bytes).toString('latin1').split('\n').filter(Boolean)) {
          heard.push(line);
          if (line.startsWith('*OPC?')) void device.send(Buffer.from(`${line.split(';').fill('1').join(';')}\n`));
          else if (line === 'OUTP?') void device.send(Buffer.from('0\n'));
        }
      });
      return transport;
    };
    return { clock, heard, devices, session: await openSession({ clock, open, isFreshOnReopen }) };
  }

  const off = (session: Session): Promise<string> =>
    session.transaction(
      async (wire) => {
        await wire.write('OUTP OFF');
        return (await wire.query('OUTP?')).text;
      },
      { priority: 'safety' },
    );

  it('a fresh connection: gives the answer 200 ms, then opens anew at once', async () => {
    const { clock, session, heard, devices } = await streaming(true);
    const slow = codeOf(session.query('SLOW?'));
    const pressed = off(session);
    await clock.advance(200);
    expect(await pressed).toBe('0');
    expect(await slow).toBe('safety.refused');
    expect(clock.monotonicMs()).toBe(200);
    expect(heard).toEqual(['SLOW?', 'OUTP OFF', 'OUTP?']);
    expect(devices).toHaveLength(2);
    await session[Symbol.asyncDispose]();
  });

  it('a line that stays the same: markers prove it clean, without the long drain', async () => {
    const { clock, session, heard } = await streaming(false);
    const slow = codeOf(session.query('SLOW?'));
    const pressed = off(session);
    await clock.advance(400);
    expect(await pressed).toBe('0');
    expect(await slow).toBe('safety.refused');
    expect(heard.slice(-2)).toEqual(['OUTP OFF', 'OUTP?']);
    await session[Symbol.asyncDispose]();
  });

  it('a wire that is lent is recalled; who releases it has it cleaned and used at once', async () => {
    const { clock, session, heard, devices } = await streaming(true);
    const taken = await session.takeWire();
    const released = new Promise<void>((resolve) => {
      taken.recalled.addEventListener('abort', () => {
        void taken.transport
          .write(Buffer.from('STOP\n'))
          .then(() => taken.release())
          .then(resolve);
      });
    });
    expect(await codeOf(session.query('A?'))).toBe('instrument.busy');
    const pressed = off(session);
    await clock.advance(100);
    expect(await pressed).toBe('0');
    await released;
    expect(heard).toEqual(['STOP', 'OUTP OFF', 'OUTP?']);
    expect(devices, 'no need to open anew').toHaveLength(1);
    await session[Symbol.asyncDispose]();
  });

  it('who does not release it has it taken away', async () => {
    const { clock, session, devices } = await streaming(true);
    const taken = await session.takeWire();
    const reading = codeOf(taken.transport.read());
    const own = new AbortController();
    const pressed = off(session);
    await clock.advance(200);
    expect(await reading).toBe('safety.refused');
    expect(await codeOf(taken.transport.read({ signal: own.signal }))).toBe('safety.refused');
    expect(await codeOf(taken.transport.write(Buffer.from('x')))).toBe('safety.refused');
    await clock.advance(100);
    expect(await pressed).toBe('0');
    expect(devices).toHaveLength(2);
    await taken.release();
    expect(await session.query('OUTP?')).toBe('0');
    await session[Symbol.asyncDispose]();
  });

  it('a device that never falls silent is still told to switch off; only the read-back fails', async () => {
    const { clock, session, heard, devices } = await streaming(false);
    const chatter = (): void => {
      void devices[0]?.send(Buffer.from('data\n'));
      clock.after(10, chatter);
    };
    chatter();
    await clock.advance(50);
    const pressed = codeOf(off(session));
    for (let waited = 0; waited < 20 && !heard.includes('OUTP OFF'); waited++) await clock.advance(100);
    expect(heard).toContain('OUTP OFF');
    await clock.advance(20_000);
    expect(await pressed).toBe('protocol.malformed');
    await session[Symbol.asyncDispose]();
  });
});

describe.each<[string, (device: TestDevice) => Promise<AsyncDisposable & { resource: string }>]>([
  [
    'HiSLIP',
    async (device) => {
      const server = await openHislipServer({ port: 0, devices: { hislip0: device } });
      const resource = `TCPIP0::127.0.0.1::hislip0,${server.port}::INSTR`;
      return { resource, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
  ],
  [
    'VXI-11',
    async (device) => {
      const server = await openVxi11Server({ portmapperPort: null, devices: { inst0: device } });
      return { resource: server.resource('inst0'), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
  ],
])('over real %s', (_, serve) => {
  it('a silent query and 16 MiB under way give the wire up, and nothing of them is taken for a later answer', async () => {
    const device = createTestDevice();
    device.answer = (message) => {
      const text = Buffer.from(message).toString('latin1');
      if (text.startsWith('SLOW')) return new Promise(() => {});
      if (text.startsWith('CURV')) return blockOf(BLOCK_BYTES);
      return text.includes('?') ? Buffer.from(text) : undefined;
    };
    await using server = await serve(device);
    const clock = createSystemClock();
    await using session = await openSession({
      clock,
      open: () => openTransport(server.resource, {}),
    });
    for (let round = 0; round < 3; round++) {
      const question = round === 1 ? 'SLOW?' : 'CURV?';
      const asked = device.received.length;
      const before = session.stats.bytesIn;
      const cut = codeOf(session.queryBlock(question, { priority: 'background', timeoutMs: 30_000 }));
      await device.receivedAtLeast(asked + 1);
      if (round === 2) while (session.stats.bytesIn === before) await new Promise((resolve) => setImmediate(resolve));
      const off = await session.transaction(
        async (wire) => {
          await wire.write('OUTP OFF');
          return (await wire.query(`OUTP${round}?`)).text;
        },
        { priority: 'safety' },
      );
      expect(off).toBe(`OUTP${round}?`);
      expect(await cut).toBe('safety.refused');
      expect(await session.query(`AFTER${round}?`)).toBe(`AFTER${round}?`);
    }
    expect(session.stats.reopened, 'the clear was enough').toBe(0);
    expect(device.counts.clears).toBe(3);
  });
});
