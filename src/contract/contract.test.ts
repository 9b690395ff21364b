import { describe, expect, it } from 'vitest';
import { LabError } from '../core/errors.ts';
import { openScopes } from '../core/scope.ts';
import type { CallName, Right } from './calls.ts';
import { CALLS, CONTRACT_VERSION } from './calls.ts';
import { connect, greet } from './client.ts';
import { createMemoryLinks } from './memory-link.ts';
import type { CallContext, Handlers, ServeOptions } from './serve.ts';
import { serve } from './serve.ts';

const ALL: readonly Right[] = ['view', 'control', 'manage'];
const HELLO = {
  contract: CONTRACT_VERSION,
  version: '0.1.0',
  engine: 'e1',
  startedNs: '1',
  nowNs: '2',
  dataFolder: '/data',
  host: 'node',
  rights: ['view'],
} as const;

/** Handlers that refuse everything but hello and what a test brings. */
function handlersOf(own: Partial<Handlers>): Handlers {
  const refusing = Object.fromEntries(
    Object.keys(CALLS).map((name) => [
      name,
      () => {
        throw new LabError('call.unknown', `not in this test: ${name}`);
      },
    ]),
  );
  return { ...refusing, 'engine.hello': () => HELLO, ...own } as unknown as Handlers;
}

function pair(own: Partial<Handlers> = {}, options: Partial<ServeOptions> = {}) {
  const [screenLink, engineLink] = createMemoryLinks();
  const faults: LabError[] = [];
  const served = serve(engineLink, handlersOf(own), {
    id: 1,
    rights: ALL,
    onFault: (error) => faults.push(error),
    ...options,
  });
  const client = connect(screenLink);
  return { screenLink, engineLink, served, client, faults };
}

async function end({ client, served }: ReturnType<typeof pair>): Promise<void> {
  client[Symbol.dispose]();
  await served.closed;
  expect(openScopes()).toEqual([]);
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof LabError ? error.code : `not a LabError: ${String(error)}`;
  }
  return 'no error';
}

describe('contract over a memory link', () => {
  it('greets, then answers in order, defaults filled in', async () => {
    const seen: unknown[] = [];
    const p = pair({
      'history.read': (input) => {
        seen.push(input);
        return { streams: [], exact: true, nextNs: null };
      },
    });
    expect(await greet(p.client, 'test')).toEqual(HELLO);
    expect(p.served.screen.name).toBe('test');
    await p.client.call('history.read', { request: 1, channels: ['a'], fromNs: '0', toNs: '1' });
    expect(seen).toEqual([
      { request: 1, channels: ['a'], fromNs: '0', toNs: '1', origin: 'live', width: 1200, raw: false, limit: 100_000 },
    ]);
    await end(p);
  });

  it('refuses another version and every call before hello, and ends the link with the reason', async () => {
    const p = pair();
    expect(await codeOf(p.client.call('engine.hello', { contract: 99, screen: 'x' }))).toBe('link.version');
    expect((await p.client.closed).code).toBe('link.version');
    await p.served.closed;
    const q = pair();
    expect(await codeOf(q.client.call('bench.read', {}))).toBe('link.version');
    expect(await codeOf(q.client.call('bench.read', {}))).toBe('link.version');
    await q.served.closed;
    expect(openScopes()).toEqual([]);
  });

  it('says errors with their code, message and details', async () => {
    const p = pair({
      'instrument.close': () => {
        throw new LabError('instrument.unknown', 'No such instrument.', { instrument: 'x' });
      },
      'bench.stop': async () => {
        throw new TypeError('oops');
      },
    });
    await greet(p.client, 'test');
    await expect(p.client.call('instrument.close', { instrument: 'x' })).rejects.toMatchObject({
      code: 'instrument.unknown',
      message: 'No such instrument.',
      details: { instrument: 'x' },
    });
    expect(await codeOf(p.client.call('bench.stop', {}))).toBe('internal.failed');
    expect(p.faults.map((error) => error.code)).toEqual(['internal.failed']);
    await end(p);
  });

  it('still says an error whose details JSON cannot hold', async () => {
    const p = pair({
      'bench.stop': () => {
        throw new LabError('simulator.failed', 'It fell.', { count: 1n });
      },
    });
    await greet(p.client, 'test');
    expect(await codeOf(p.client.call('bench.stop', {}))).toBe('simulator.failed');
    await end(p);
  });

  it('checks the right before the input, and the input on both sides', async () => {
    const p = pair({}, { rights: ['view'] });
    await greet(p.client, 'test');
    expect(await codeOf(p.client.call('outputs.off', {}))).toBe('call.denied');
    expect(await codeOf(p.client.call('instrument.exchanges', { instrument: 'i', limit: 0 }))).toBe('call.invalid');
    const answers: string[] = [];
    const [raw, engine] = createMemoryLinks();
    const served = serve(engine, handlersOf({}), { id: 2, rights: ALL, onFault: () => {} });
    const all = deferred<void>();
    raw.onMessage((message) => {
      if (answers.push(String(message)) === 4) all.resolve();
    });
    const request = (id: number, call: string, input: unknown): void =>
      raw.send(JSON.stringify({ type: 'request', id, call, input }));
    request(1, 'engine.hello', { contract: CONTRACT_VERSION, screen: 'raw' });
    request(2, 'instrument.exchanges', { instrument: 'i', limit: 0 });
    request(3, 'constructor', {});
    request(4, 'bench.read', null);
    await all.promise;
    raw.end('done');
    expect(await served.closed).toBe('done');
    expect(answers.map((text) => JSON.parse(text).error?.code ?? 'answer')).toEqual([
      'answer',
      'call.invalid',
      'call.invalid',
      'call.invalid',
    ]);
    await end(p);
  });

  it('refuses an answer or event of ours that breaks the contract', async () => {
    const p = pair({ 'bench.save': () => ({ name: 'x', path: null, savedNs: 'today', error: null }) });
    await greet(p.client, 'test');
    expect(await codeOf(p.client.call('bench.save', {}))).toBe('internal.failed');
    p.served.emit('stream.closed', { stream: Number.NaN }, 1);
    expect(p.faults).toHaveLength(2);
    await end(p);
  });

  it('aborts the handler on cancel and ignores its late answer', async () => {
    const started = deferred<CallContext>();
    const finish = deferred<{ found: [] }>();
    const p = pair({
      'instrument.find': (_input, context) => {
        started.resolve(context);
        return finish.promise;
      },
    });
    await greet(p.client, 'test');
    const abort = new AbortController();
    const call = p.client.call('instrument.find', {}, { signal: abort.signal });
    const context = await started.promise;
    const aborted = new Promise((resolve) =>
      context.signal.addEventListener('abort', () => resolve(context.signal.reason)),
    );
    abort.abort();
    expect(await codeOf(call)).toBe('call.cancelled');
    expect(await aborted).toMatchObject({ code: 'call.cancelled' });
    finish.resolve({ found: [] });
    expect(await codeOf(p.client.call('bench.read', {}))).toBe('call.unknown');
    await end(p);
  });

  it('gives up after timeoutMs, telling the engine', async () => {
    const aborted = deferred<unknown>();
    const p = pair({
      'instrument.find': (_input, { signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            aborted.resolve(signal.reason);
            reject(signal.reason);
          }),
        ),
    });
    await greet(p.client, 'test');
    expect(await codeOf(p.client.call('instrument.find', {}, { timeoutMs: 5 }))).toBe('call.unknown');
    expect(await aborted.promise).toMatchObject({ code: 'call.cancelled' });
    await end(p);
  });

  it('rejects what is pending when the link ends, aborts the handlers and disposes the screen', async () => {
    const reasons: unknown[] = [];
    let disposed = 0;
    const p = pair({
      'instrument.find': (_input, { signal, screen }) => {
        screen.scope.defer(() => void disposed++);
        signal.addEventListener('abort', () => reasons.push((signal.reason as LabError).code));
        return new Promise(() => {});
      },
    });
    await greet(p.client, 'test');
    const calls = [p.client.call('instrument.find', {}), p.client.call('instrument.find', {})];
    await p.client.call('bench.read', {}).catch(() => {});
    p.engineLink.end('engine stops');
    expect(await Promise.all(calls.map(codeOf))).toEqual(['link.closed', 'link.closed']);
    expect((await p.client.closed).message).toBe('engine stops');
    expect(await codeOf(p.client.call('bench.read', {}))).toBe('link.closed');
    await end(p);
    expect(reasons).toEqual(['link.closed', 'link.closed']);
    expect(disposed).toBe(2);
  });

  it('bounds the calls under way', async () => {
    const p = pair({ 'instrument.find': () => new Promise(() => {}) }, { maxCalls: 3 });
    await greet(p.client, 'test');
    const calls = Array.from({ length: 4 }, () => codeOf(p.client.call('instrument.find', {})));
    expect(await calls[3]).toBe('call.limit');
    await end(p);
    expect(await Promise.all(calls)).toEqual(['link.closed', 'link.closed', 'link.closed', 'call.limit']);
  });

  it('sends a synchronous answer before any later event, and events to their listeners with their revision', async () => {
    const order: string[] = [];
    const p = pair({
      'watch.close': () => {
        queueMicrotask(() => p.served.emit('stream.closed', { stream: 7 }, 12));
        return {};
      },
    });
    await greet(p.client, 'test');
    const stop = p.client.on('stream.closed', (data, revision) => order.push(`on ${data.stream} ${revision}`));
    const change = new Promise((resolve) => p.client.onState(resolve));
    await p.client.call('watch.close', { watch: 1 }).then(() => order.push('answer'));
    expect(await change).toEqual({ event: 'stream.closed', data: { stream: 7 }, revision: 12 });
    stop();
    p.served.emit('stream.closed', { stream: 8 }, 13);
    await p.client.call('watch.close', { watch: 1 });
    expect(order[0]).toBe('answer');
    expect(order.slice(1)).toEqual(['on 7 12']);
    await end(p);
  });

  it('tells without an answer and passes frames whole', async () => {
    const seen: number[] = [];
    const p = pair({
      'watch.seen': ({ frame }, { screen }) => {
        seen.push(frame);
        screen.sendFrame(Uint8Array.of(1, 2, frame).buffer);
        return {};
      },
    });
    await greet(p.client, 'test');
    const frame = new Promise<ArrayBuffer>((resolve) => p.client.onFrame(resolve));
    p.client.tell('watch.seen', { frame: 3 });
    expect([...new Uint8Array(await frame)]).toEqual([1, 2, 3]);
    expect(seen).toEqual([3]);
    await end(p);
  });

  it.each([
    ['no JSON', 'GET / HTTP/1.1'],
    ['no object', '[]'],
    ['an unknown type', '{"type":"shout"}'],
    ['a fractional id', '{"type":"request","id":1.5,"call":"bench.read","input":{}}'],
    ['too long', `{"type":"tell","call":"${'x'.repeat(300)}","input":{}}`],
    ['binary', new ArrayBuffer(8)],
  ])('ends a link that sends %s with link.malformed', async (_what, message) => {
    const [raw, engine] = createMemoryLinks();
    const served = serve(engine, handlersOf({}), { id: 1, rights: ALL, onFault: () => {}, maxTextChars: 200 });
    const last = new Promise<string>((resolve) => raw.onMessage((text) => resolve(String(text))));
    raw.send(message);
    expect(JSON.parse(await last)).toMatchObject({ type: 'error', id: null, error: { code: 'link.malformed' } });
    await served.closed;
    await raw.closed;
    expect(openScopes()).toEqual([]);
  });

  it('ends a link whose engine speaks no contract', async () => {
    const [screen, engine] = createMemoryLinks();
    const client = connect(screen);
    const call = codeOf(client.call('bench.read', {}));
    engine.send('<html>');
    expect(await call).toBe('link.malformed');
    expect((await client.closed).code).toBe('link.malformed');
    await engine.closed;
  });

  it('has an input and an output schema and a right for every call', () => {
    for (const name of Object.keys(CALLS) as CallName[]) expect(ALL).toContain(CALLS[name].right);
  });
});
