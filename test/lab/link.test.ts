import { describe, expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { linkLabel } from '../../src/core/link-word.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import type { Link } from '../../src/lab/link/open-link.ts';
import { openLink } from '../../src/lab/link/open-link.ts';
import { ManualPorts } from './manual-ports.ts';
import { PlainProtocol } from './plain-protocol.ts';

interface Bench {
  ports: ManualPorts;
  protocol: PlainProtocol;
  link: Link;
  words: string[];
}

function bench(options: Parameters<typeof openLink>[2] = {}, make = new PlainProtocol()): Bench {
  const ports = new ManualPorts();
  const words: string[] = [];
  const link = openLink(make, ports, {
    ...options,
    onChange: (snapshot) => {
      if (words.at(-1) !== snapshot.word) words.push(snapshot.word);
    },
  });
  return { ports, protocol: make, link, words };
}

function greet({ ports }: Bench): void {
  ports.last.open();
  ports.last.say('hello');
}

const REFUSED = { refusal: { status: 403, headers: {}, body: '' } };

describe('a connection', () => {
  test('112 from idle to rows and back to nothing', async () => {
    const at = bench({ isIdle: true });
    expect(at.link.snapshot.word).toBe('idle');
    expect(at.ports.sockets).toHaveLength(0);
    at.link.reconnect();
    greet(at);
    expect(at.words).toEqual(['connecting', 'handshaking', 'connected']);
    expect(at.link.health).toBe('live');
    at.ports.last.say('row 1');
    expect(at.link.traffic.messages).toBe(2);
    at.ports.last.end(1006);
    expect(at.link.snapshot).toMatchObject({ word: 'reconnecting', attempt: 1, maxAttempts: 10 });
    expect(linkLabel(at.link.snapshot)).toBe('Reconnecting (1/10)');
    expect(at.link.snapshot.reason).toBe('The connection broke off without a word.');
    await at.ports.clock.advance(1300);
    greet(at);
    expect(at.link.snapshot.word).toBe('connected');
    await at.link[Symbol.asyncDispose]();
    expect(at.protocol).toMatchObject({ opens: 2, ends: 2 });
    expect([at.ports.clock.pending, at.ports.openSockets, at.ports.listeners]).toEqual([0, 0, 0]);
  });

  test('what the person does not want to run on is said before the close frame, and only then', async () => {
    const at = bench();
    at.protocol.lastWords = ['stop'];
    greet(at);
    at.link.disconnect();
    expect(at.ports.last).toMatchObject({ sent: ['stop'], left: 1000 });
    at.link.reconnect();
    greet(at);
    // A dead connection is cut: nobody hears.
    at.protocol.heartbeat = { probeMs: 0, deadMs: 1000 };
    at.link.reconnect();
    greet(at);
    await at.ports.clock.advance(1500);
    expect(at.ports.sockets[2]).toMatchObject({ sent: [], left: 'cut' });
    await at.link[Symbol.asyncDispose]();
  });

  test('118 a URL that cannot be right is not connected to: failed, with the protocol’s own words', () => {
    const protocol = new PlainProtocol();
    protocol.refusesUrl = true;
    const at = bench({}, protocol);
    expect(at.link.snapshot).toMatchObject({ word: 'failed', error: { code: 'call.invalid' } });
    expect(at.ports.sockets).toHaveLength(0);
    expect(at.ports.clock.pending).toBe(0);
  });

  test('send is of the open connection only', () => {
    const at = bench();
    expect(at.link.send('early')).toBe(false);
    greet(at);
    expect(at.link.send('now')).toBe(true);
    at.ports.last.end();
    expect(at.link.send('late')).toBe(false);
    expect(at.ports.last.sent).toEqual(['now']);
  });
});

describe('an end', () => {
  test('a refused login is renewed once, then it has failed', async () => {
    const at = bench();
    at.ports.last.end(1006, '', REFUSED);
    await at.ports.clock.advance(0);
    expect(at.protocol.refreshes).toBe(1);
    expect(at.ports.sockets).toHaveLength(2);
    at.ports.last.end(1006, '', REFUSED);
    expect(at.link.snapshot).toMatchObject({ word: 'failed', error: { code: 'server.unauthorized' } });
    expect(at.ports.clock.pending).toBe(0);
  });

  test('a person’s disconnect while a token is asked for: the answer changes nothing', async () => {
    const at = bench();
    let give = (): void => {};
    at.protocol.onRefresh = () =>
      new Promise((resolve) => {
        give = resolve;
      });
    at.ports.last.end(1006, '', REFUSED);
    at.link.disconnect();
    give();
    await at.ports.clock.advance(60_000);
    expect(at.link.snapshot.word).toBe('disconnected');
    expect(at.ports.sockets).toHaveLength(1);
  });

  test('404: the next path, then a failed try', async () => {
    const protocol = new PlainProtocol();
    protocol.paths = ['/ws', '/ws/v2'];
    const at = bench({}, protocol);
    const missing = { refusal: { status: 404, headers: {}, body: '' } };
    at.ports.last.end(1006, '', missing);
    expect(at.ports.sockets.map(({ request }) => request.url)).toEqual([
      'ws://127.0.0.1:9/ws',
      'ws://127.0.0.1:9/ws/v2',
    ]);
    at.ports.last.end(1006, '', missing);
    expect(at.link.snapshot).toMatchObject({ word: 'reconnecting', reason: 'The server has none of the known paths.' });
    await at.link[Symbol.asyncDispose]();
  });

  test('put out by another window: no fight', async () => {
    for (const end of [(at: Bench) => at.ports.last.end(4409), (at: Bench) => at.ports.last.say('superseded')]) {
      const at = bench();
      greet(at);
      end(at);
      await at.ports.clock.advance(600_000);
      expect(at.link.snapshot.word).toBe('disconnected');
      expect(at.ports.sockets).toHaveLength(1);
    }
  });

  test('117 an announced end is waited for, whatever the close frame', async () => {
    const at = bench();
    greet(at);
    at.ports.last.say('bye 5');
    at.ports.last.end(1006);
    await at.ports.clock.advance(4_990);
    expect(at.ports.sockets).toHaveLength(1);
    await at.ports.clock.advance(1_010);
    expect(at.ports.sockets).toHaveLength(2);
    expect(at.link.snapshot.reason).toBe('Maintenance');
    await at.link[Symbol.asyncDispose]();
  });
});

describe('life signs', () => {
  test('104 111 a connection on which nothing comes for 60 s is dead, one message before that saves it', async () => {
    const at = bench();
    greet(at);
    await at.ports.clock.advance(59_000);
    at.ports.last.say('row');
    await at.ports.clock.advance(59_000);
    expect(at.link.snapshot.word).toBe('connected');
    await at.ports.clock.advance(1_500);
    expect(at.link.snapshot).toMatchObject({ word: 'reconnecting', reason: 'Nothing came for 60.0 s.' });
    expect(at.ports.sockets[0]?.left).toBe('cut');
    await at.link[Symbol.asyncDispose]();
  });

  test('130 a protocol that must not send never does, not even an RFC 6455 ping, not even after a wake', async () => {
    const at = bench();
    greet(at);
    for (let n = 0; n < 10; n++) {
      await at.ports.clock.advance(30_000);
      at.ports.last.say('row');
      at.ports.wake();
    }
    expect(at.ports.last).toMatchObject({ sent: [], pings: 0 });
    await at.link[Symbol.asyncDispose]();
  });

  test('the probe of the protocol is sent after its silence and again, an RFC ping where it has none', async () => {
    const spoken = new PlainProtocol();
    spoken.heartbeat = { probeMs: 10_000, deadMs: 25_000, probe: () => 'ping' };
    const at = bench({}, spoken);
    greet(at);
    await at.ports.clock.advance(20_500);
    expect(at.ports.last.sent).toEqual(['ping', 'ping']);
    await at.ports.clock.advance(5_000);
    expect(at.link.snapshot.word).toBe('reconnecting');
    await at.link[Symbol.asyncDispose]();
    const silent = new PlainProtocol();
    silent.heartbeat = { probeMs: 10_000, deadMs: 25_000 };
    const other = bench({}, silent);
    greet(other);
    await other.ports.clock.advance(300_000);
    // Answered pings are signs of life.
    expect(other.link.snapshot.word).toBe('connected');
    expect(other.ports.last.pings).toBe(30);
    expect(other.link.traffic.roundTripMs).toBe(0);
    other.ports.last.answersPings = false;
    await other.ports.clock.advance(25_500);
    expect(other.link.snapshot.word).toBe('reconnecting');
    await other.link[Symbol.asyncDispose]();
  });

  test('after a wake a standing connection is asked at once and has ten seconds', async () => {
    const protocol = new PlainProtocol();
    protocol.heartbeat = { probeMs: 20_000, deadMs: 60_000, probe: () => 'ping' };
    let wakes = 0;
    const at = bench({ onWake: () => wakes++ }, protocol);
    greet(at);
    at.ports.wake();
    expect([wakes, at.ports.last.sent]).toEqual([1, ['ping']]);
    await at.ports.clock.advance(9_000);
    at.ports.last.say('pong');
    await at.ports.clock.advance(10_000);
    expect(at.link.snapshot.word).toBe('connected');
    at.ports.wake();
    await at.ports.clock.advance(10_500);
    expect(at.link.snapshot.word).toBe('reconnecting');
    await at.link[Symbol.asyncDispose]();
  });
});

describe('waiting', () => {
  test('128 a port that was closed and listens again ends the wait within a second', async () => {
    const at = bench();
    at.ports.onSocket = (socket) => queueMicrotask(() => socket.end(1006, '', { error: 'nothing listens there' }));
    at.ports.last.end();
    await at.ports.clock.advance(40_000);
    at.ports.onSocket = () => {};
    const tries = at.ports.sockets.length;
    expect(at.link.snapshot).toMatchObject({ word: 'reconnecting', attempt: 6 });
    at.ports.listens = true;
    await at.ports.clock.advance(1_000);
    expect(at.ports.sockets).toHaveLength(tries + 1);
    expect(at.link.snapshot.attempt).toBe(6);
    greet(at);
    expect(at.link.snapshot.word).toBe('connected');
    const { probes } = at.ports;
    await at.ports.clock.advance(5_000);
    expect(at.ports.probes).toBe(probes);
    await at.link[Symbol.asyncDispose]();
  });

  test('137 a server that listens and refuses keeps its back-off', async () => {
    const at = bench();
    at.ports.listens = true;
    at.ports.onSocket = (socket) => queueMicrotask(() => socket.end(1006));
    at.ports.last.end();
    await at.ports.clock.advance(20_000);
    // 1 + 2 + 4 + 8 s: five tries, not twenty.
    expect(at.ports.sockets.length).toBeLessThanOrEqual(6);
    await at.link[Symbol.asyncDispose]();
  });

  test('a distant server is not probed', async () => {
    const at = bench({}, new PlainProtocol('ws://lab.example.org:8000'));
    at.ports.last.end();
    await at.ports.clock.advance(900);
    expect(at.ports.probes).toBe(0);
    await at.link[Symbol.asyncDispose]();
  });

  test('a wake ends the wait', async () => {
    const at = bench();
    at.ports.last.end();
    at.ports.wake();
    expect(at.ports.sockets).toHaveLength(2);
    await at.link[Symbol.asyncDispose]();
  });
});

test('switched off it has no socket and is degraded; on it connects', async () => {
  const at = bench({ isOff: true });
  expect(at.link.snapshot.word).toBe('degraded');
  expect(at.link.health).toBe('down');
  expect(at.ports.sockets).toHaveLength(0);
  at.link.setSocket(true);
  greet(at);
  expect(at.link.snapshot.word).toBe('connected');
  at.link.setSocket(false);
  await at.ports.clock.advance(0);
  expect(at.ports.openSockets).toBe(0);
  await at.link[Symbol.asyncDispose]();
});

test('113 a thousand links, opened and left in every state, leave no timer, socket or listener', async () => {
  const ports = new ManualPorts(113);
  const random = seededRandom(113);
  for (let n = 0; n < 1000; n++) {
    const link = openLink(new PlainProtocol(), ports);
    const steps = random.below(6);
    for (let step = 0; step < steps; step++) {
      const acts = [
        () => ports.last.open(),
        () => ports.last.say('hello'),
        () => ports.last.end(random.below(2) ? 1006 : 4401),
        () => link.disconnect(),
        () => link.reconnect(),
        () => link.setSocket(false),
        () => link.renew('x'),
      ];
      acts[random.below(acts.length)]?.();
      if (random.below(3) === 0) await ports.clock.advance(random.below(3000));
    }
    await link[Symbol.asyncDispose]();
  }
  await ports.clock.advance(0);
  expect([ports.clock.pending, ports.openSockets, ports.listeners]).toEqual([0, 0, 0]);
});

test('a hundred thousand events on the running link: at most one socket that is not on its way out, none without a timer or an end', async () => {
  const ports = new ManualPorts(5);
  const random = seededRandom(5);
  const protocol = new PlainProtocol();
  protocol.heartbeat = { probeMs: 10_000, deadMs: 25_000 };
  protocol.onRefresh = () =>
    random.below(2) ? Promise.resolve() : Promise.reject(new LabError('server.unreachable', 'Away.'));
  const link = openLink(protocol, ports);
  const faults: string[] = [];
  for (let n = 0; n < 100_000; n++) {
    const acts = [
      () => ports.last.open(),
      () => ports.last.say('hello'),
      () => ports.last.say('row'),
      () => ports.last.end(),
      () => ports.last.end(4401),
      () => ports.last.say('bye 3'),
      () => link.renew('x'),
      () => ports.wake(),
      () => ports.last.say('renew'),
      () => link.reconnect(),
      () => ports.last.say('superseded'),
      () => ports.last.say('fatal'),
      () => link.disconnect(),
      () => link.setSocket(random.below(2) > 0),
    ];
    acts[random.below(random.below(20) ? 9 : acts.length)]?.();
    if (['disconnected', 'failed'].includes(link.snapshot.word) && random.below(20) === 0) link.reconnect();
    if (link.snapshot.word === 'degraded' && random.below(20) === 0) link.setSocket(true);
    ports.listens = random.below(10) === 0;
    if (n % 8 === 0) await ports.clock.advance(random.below(4) ? random.below(2_000) : random.below(40_000));
    const held = ports.sockets.filter(({ isOver, left }) => !isOver && left === undefined);
    if (held.length > 1) faults.push(`${n}: ${held.length} sockets`);
    if (protocol.opens - protocol.ends > 1) faults.push(`${n}: ${protocol.opens} opened, ${protocol.ends} ended`);
    if (link.isReady && held.length !== 1) faults.push(`${n}: ready without a socket`);
    if (n % 50 === 0) ports.sockets.splice(0, ports.sockets.length - 1);
  }
  expect(faults).toEqual([]);
  await link[Symbol.asyncDispose]();
  await ports.clock.advance(0);
  expect([ports.clock.pending, ports.openSockets, ports.listeners]).toEqual([0, 0, 0]);
  expect(protocol.opens).toBe(protocol.ends);
  expect(protocol.opens).toBeGreaterThan(1000);
});
