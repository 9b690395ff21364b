import { once } from 'node:events';
import net from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { LabError } from '../../src/core/errors.ts';
import { openScopes } from '../../src/core/scope.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import type { Session } from '../../src/engine/session/session.ts';
import type { SessionOptions } from '../../src/engine/session/session-options.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { createMemoryWire, type MemoryDevice } from '../../src/engine/transport/memory-transport.ts';
import type { Transport, TransportControl } from '../../src/engine/transport/transport.ts';

/** A session on a memory wire whose other end the test plays. */
interface Play {
  clock: ManualClock;
  session: Session;
  /** The device of the newest connection. */
  device(): MemoryDevice;
  /** Lines the device got, over all connections. */
  heard: string[];
  /** Answers every line; undefined: stays silent. */
  answer: (line: string) => string | undefined;
  connections(): number;
  refuse: boolean;
}

async function play(options: Partial<SessionOptions> = {}, control?: TransportControl): Promise<Play> {
  const clock = new ManualClock();
  let connections = 0;
  let newest: MemoryDevice | undefined;
  const state: Play = {
    clock,
    session: undefined as unknown as Session,
    device: () => newest as MemoryDevice,
    heard: [],
    answer: (line) => (line.includes('?') ? `re ${line}\n` : undefined),
    connections: () => connections,
    refuse: false,
  };
  const open = async (): Promise<Transport> => {
    if (state.refuse) throw new LabError('transport.refused', 'nobody listens');
    const { transport, device } = createMemoryWire({ clock });
    connections++;
    newest = device;
    let text = '';
    device.onBytes((bytes) => {
      text += Buffer.from(bytes).toString('latin1');
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        state.heard.push(line);
        const reply = state.answer(line);
        if (reply !== undefined) void device.send(Buffer.from(reply, 'latin1'));
      }
    });
    return control ? Object.assign(transport, { control }) : transport;
  };
  state.session = await openSession({ clock, open, isFreshOnReopen: true, ...options });
  return state;
}

/** What a promise becomes while the clock runs on. */
async function within<T>(clock: ManualClock, ms: number, promise: Promise<T>): Promise<T | LabError> {
  let result: T | LabError | undefined;
  promise.then(
    (value) => {
      result = value;
    },
    (error: unknown) => {
      result = LabError.from(error);
    },
  );
  for (let left = ms; left > 0 && result === undefined; left -= 10) await clock.advance(10);
  if (result === undefined) throw new Error(`still waiting after ${ms} ms`);
  return result;
}

const codeOf = (result: unknown): string => (result instanceof LabError ? result.code : `answered ${String(result)}`);

afterAll(() => expect(openScopes()).toEqual([]));

describe('session', () => {
  it('asks, tells, and keeps trace and statistics', async () => {
    const { session, heard, clock } = await play();
    expect(await session.query('A?')).toBe('re A?');
    await session.write('VOLT 5\n');
    const timed = await session.queryTimed('B?');
    expect(timed.sentNs <= timed.receivedNs).toBe(true);
    expect(heard).toEqual(['A?', 'VOLT 5', 'B?']);
    expect(session.exchanges().map(({ direction, text }) => `${direction} ${text}`)).toEqual([
      'sent A?',
      'received re A?',
      'sent VOLT 5',
      'sent B?',
      'received re B?',
    ]);
    expect(session.exchanges(2)).toHaveLength(2);
    expect(session.stats).toMatchObject({ queries: 2, timeouts: 0, bytesOut: 13, bytesIn: 12 });
    // One for questions and one for commands, however many there were.
    expect(clock.pending).toBeLessThanOrEqual(2);
    await session[Symbol.asyncDispose]();
    expect(clock.pending).toBe(0);
  });

  it('tells listeners of every exchange until they leave, and keeps no more than its limit', async () => {
    const { session } = await play({ limits: { maxTrace: 10 } });
    const seen: string[] = [];
    const listener = session.onExchange(({ text }) => seen.push(text));
    for (let count = 0; count < 20; count++) await session.query(`Q${count}?`);
    listener[Symbol.dispose]();
    await session.query('LAST?');
    expect(seen).toHaveLength(40);
    expect(
      session
        .exchanges()
        .map(({ text }) => text)
        .slice(-2),
    ).toEqual(['LAST?', 're LAST?']);
    expect(session.exchanges()).toHaveLength(10);
    await session[Symbol.asyncDispose]();
  });

  it('serves safety first, then the person, then polls; each lane in order', async () => {
    const { session, heard } = await play();
    const order = (['background', 'poll', 'safety', 'person', 'poll', 'person'] as const).map((priority, index) =>
      session.query(`${priority}${index}?`, { priority }),
    );
    await Promise.all(order);
    // The first was on the wire before the others came.
    expect(heard).toEqual(['background0?', 'safety2?', 'person3?', 'person5?', 'poll1?', 'poll4?']);
    await session[Symbol.asyncDispose]();
  });

  it('who was just answered may ask on before what has less right', async () => {
    const { session, heard } = await play();
    const first = session.query('FIRST?');
    const polls = [session.query('POLL1?', { priority: 'poll' }), session.query('POLL2?', { priority: 'poll' })];
    await first;
    await session.query('SECOND?');
    await Promise.all(polls);
    expect(heard).toEqual(['FIRST?', 'SECOND?', 'POLL1?', 'POLL2?']);
    await session[Symbol.asyncDispose]();
  });

  it('never sends after outputs off what a person ordered before it', async () => {
    const { session, heard } = await play();
    const reading = session.query('SLOW?', { priority: 'poll' });
    const on = session.write('OUTP ON');
    const refused = expect(on).rejects.toMatchObject({ code: 'safety.refused' });
    await Promise.all([reading, session.write('OUTP OFF', { priority: 'safety' }), refused]);
    await session.write('VOLT 1');
    expect(await session.query('LAST?')).toBe('re LAST?');
    expect(heard).toEqual(['SLOW?', 'OUTP OFF', 'VOLT 1', 'LAST?']);
    await session[Symbol.asyncDispose]();
  });

  it('refuses what is too many, but not what is for safety', async () => {
    const state = await play({ limits: { maxQueued: 4 } });
    const { session } = state;
    state.answer = () => undefined;
    const waiting = Array.from({ length: 5 }, (_, index) =>
      session.query(`Q${index}?`).catch((error: LabError) => error.code),
    );
    await expect(session.query('MORE?')).rejects.toMatchObject({ code: 'instrument.busy' });
    const off = session.write('OUTP OFF', { priority: 'safety' });
    off.catch(() => {});
    await session[Symbol.asyncDispose]();
    expect(await Promise.all(waiting)).toEqual(['instrument.detached', ...Array(4).fill('safety.refused')]);
    await expect(off).rejects.toMatchObject({ code: 'instrument.detached' });
    await expect(session.query('AFTER?')).rejects.toMatchObject({ code: 'instrument.detached' });
  });

  it('never sends what was cancelled in the queue; what was sent is answered to nobody', async () => {
    const state = await play();
    const { session, clock, heard } = state;
    state.answer = () => undefined;
    const first = new AbortController();
    const second = new AbortController();
    const asked = [
      session.query('SENT?', { signal: first.signal }),
      session.query('QUEUED?', { signal: second.signal }),
    ];
    const third = session.query('NEXT?');
    second.abort();
    first.abort();
    for (const one of asked) await expect(one).rejects.toMatchObject({ code: 'call.cancelled' });
    await clock.advance(500);
    expect(heard).toEqual(['SENT?']);
    state.answer = (line) => `re ${line}\n`;
    void state.device().send(Buffer.from('re SENT?\n'));
    expect(await within(clock, 1000, third)).toBe('re NEXT?');
    expect(session.exchanges().some(({ direction, text }) => direction === 'late' && text === 're SENT?')).toBe(true);
    expect(state.connections()).toBe(1);
    await expect(session.query('X?', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'call.cancelled',
    });
    await session[Symbol.asyncDispose]();
  });

  it('reopens after a timeout, and shows the late answer in the trace', async () => {
    const state = await play();
    const { session, clock } = state;
    state.answer = () => undefined;
    const states: string[] = [];
    session.onState((word) => states.push(word));
    const old = state.device();
    const slow = session.query('SLOW?', { timeoutMs: 100 });
    const next = session.query('NEXT?');
    expect(codeOf(await within(clock, 200, slow))).toBe('transport.timeout');
    expect(session.state).toBe('recovering');
    void old.send(Buffer.from('re SLOW?\n'));
    state.answer = (line) => `re ${line}\n`;
    expect(await within(clock, 2000, next)).toBe('re NEXT?');
    expect(states).toEqual(['recovering', 'open']);
    expect(session.exchanges().some(({ direction, text }) => direction === 'late' && text === 're SLOW?\\n')).toBe(
      true,
    );
    expect(session.stats).toMatchObject({ timeouts: 1, reopened: 1, lateBytes: 9 });
    expect(state.connections()).toBe(2);
    expect(old.isClosed).toBe(true);
    await session[Symbol.asyncDispose]();
  });

  it('clears the device instead, where the way can', async () => {
    let cleared = 0;
    const state = await play(
      {},
      {
        clear: async () => {
          cleared++;
        },
      },
    );
    const { session, clock } = state;
    state.answer = () => undefined;
    expect(codeOf(await within(clock, 3000, session.query('SLOW?')))).toBe('transport.timeout');
    state.answer = (line) => `re ${line}\n`;
    expect(await within(clock, 2000, session.query('NEXT?'))).toBe('re NEXT?');
    expect([cleared, state.connections()]).toEqual([1, 1]);
    await session[Symbol.asyncDispose]();
  });

  it('goes on to reopening when the clear fails or hangs', async () => {
    const state = await play(
      { limits: { clearMs: 500 } },
      { clear: (signal) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))) },
    );
    const { session, clock } = state;
    state.answer = () => undefined;
    await within(clock, 3000, session.query('SLOW?'));
    state.answer = (line) => `re ${line}\n`;
    expect(await within(clock, 3000, session.query('NEXT?'))).toBe('re NEXT?');
    expect(state.connections()).toBe(2);
    await session[Symbol.asyncDispose]();
  });

  it('on a line that stays the same, proves by a marker that nothing older can follow', async () => {
    const state = await play({ isFreshOnReopen: false });
    const { session, clock, heard } = state;
    state.answer = () => undefined;
    expect(codeOf(await within(clock, 3000, session.query('SLOW?')))).toBe('transport.timeout');
    const next = session.query('NEXT?');
    state.answer = (line) => (line.startsWith('*OPC?') ? `${line.split(';').fill('1').join(';')}\n` : `re ${line}\n`);
    // The answer comes late, but before that of the marker.
    void state.device().send(Buffer.from('re SLOW?\n'));
    expect(await within(clock, 5000, next)).toBe('re NEXT?');
    expect(heard.at(-2)).toMatch(/^\*OPC\?(;\*OPC\?)+$/);
    expect(state.connections()).toBe(1);
    await session[Symbol.asyncDispose]();
  });

  it('closes and says why when no marker comes back, also after reopening', async () => {
    const state = await play({ isFreshOnReopen: false });
    const { session, clock } = state;
    state.answer = () => undefined;
    await within(clock, 3000, session.query('SLOW?'));
    const next = await within(clock, 20_000, session.query('NEXT?'));
    expect(codeOf(next)).toBe('transport.timeout');
    expect(session.state).toBe('closed');
    await session.closed;
    expect(session.closeReason?.message).toContain('answers no marker');
    expect(state.connections()).toBe(2);
    await session[Symbol.asyncDispose]();
  });

  it('closes when it cannot be opened again', async () => {
    const state = await play();
    const { session, clock } = state;
    state.answer = () => undefined;
    state.refuse = true;
    const asked = within(clock, 10_000, session.query('SLOW?'));
    expect(codeOf(await asked)).toBe('transport.timeout');
    expect(codeOf(await within(clock, 10_000, session.query('NEXT?')))).toBe('transport.refused');
    expect(session.state).toBe('closed');
    await session[Symbol.asyncDispose]();
  });

  it('is closed, and all that wait are told, when the other side ends', async () => {
    const state = await play();
    const { session } = state;
    state.answer = () => undefined;
    const waiting = [session.query('A?'), session.query('B?')].map((one) => one.catch((error: LabError) => error.code));
    state.device().hangUp();
    expect(await Promise.all(waiting)).toEqual(['transport.closed', 'transport.closed']);
    await session.closed;
    expect(session.closeReason?.code).toBe('transport.closed');
    expect(session.state).toBe('closed');
    await session[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
  });

  it('gives the last answer that came with the end', async () => {
    const state = await play();
    state.answer = (line) => {
      queueMicrotask(() => state.device().hangUp());
      return `re ${line}\n`;
    };
    expect(await state.session.query('LAST?')).toBe('re LAST?');
    await state.session.closed;
    await state.session[Symbol.asyncDispose]();
  });

  it.each([
    ['noise', '\u0085\u0003x\n'],
    ['two replies', 'one\ntwo\n'],
    ['an empty line before an answer with noise', '\n\u00ff1\n'],
  ])('refuses %s and starts clean', async (_, wire) => {
    const state = await play();
    const { session, clock } = state;
    state.answer = () => wire;
    expect(codeOf(await within(clock, 100, session.query('A?')))).toBe('protocol.malformed');
    state.answer = (line) => `re ${line}\n`;
    expect(await within(clock, 3000, session.query('NEXT?'))).toBe('re NEXT?');
    expect(state.connections()).toBe(2);
    await session[Symbol.asyncDispose]();
  });

  it('refuses what cannot be the answer, so that the true one reaches nobody', async () => {
    const state = await play();
    const { session, clock } = state;
    state.answer = () => 'garbled words\n';
    const expect1 = { expect: (reply: string) => /^\d+$/.test(reply) };
    expect(codeOf(await within(clock, 100, session.query('A?', expect1)))).toBe('protocol.malformed');
    void state.device().send(Buffer.from('42\n'));
    state.answer = () => '7\n';
    expect(await within(clock, 3000, session.query('NEXT?', expect1))).toBe('7');
    await session[Symbol.asyncDispose]();
  });

  it('waits until what nobody asked for has ended', async () => {
    const state = await play();
    const { session, clock, heard } = state;
    void state.device().send(Buffer.from('boot noi'));
    await clock.advance(10);
    const asked = session.query('A?');
    await clock.advance(20);
    void state.device().send(Buffer.from('se\n'));
    await clock.advance(20);
    expect(heard).toEqual([]);
    expect(await within(clock, 1000, asked)).toBe('re A?');
    expect(state.connections()).toBe(1);
    expect(session.exchanges().filter(({ direction }) => direction === 'late')).toHaveLength(2);
    await session[Symbol.asyncDispose]();
  });

  it('refuses queries to a device that never falls silent, and stays open for takeWire', async () => {
    const state = await play();
    const { session, clock } = state;
    let isTalking = true;
    const talk = (): void => {
      if (!isTalking) return;
      void state.device().send(Buffer.from('1.0,2.0\n'));
      clock.after(10, talk);
    };
    talk();
    await clock.advance(30);
    expect(codeOf(await within(clock, 5000, session.query('A?')))).toBe('protocol.malformed');
    expect(session.state).toBe('open');
    const taken = await session.takeWire();
    const reading = taken.transport.read();
    await clock.advance(20);
    expect(Buffer.from((await reading).bytes).toString()).toContain('1.0,2.0');
    isTalking = false;
    const released = taken.release();
    await clock.advance(200);
    await released;
    expect(await within(clock, 1000, session.query('A?'))).toBe('re A?');
    await session[Symbol.asyncDispose]();
  });

  it('drops a response header in front of a block where the dialect sends one, and only there', async () => {
    const state = await play();
    const { session, clock } = state;
    const named = (text: string): Promise<unknown> =>
      within(clock, 3000, session.queryBlock(text, { hasPrefix: true }));
    for (const header of ['', 'DAT2,', 'C1:WF DAT2,', 'ALL,']) {
      state.answer = () => `${header}#9000000005a\nb#c\n\n`;
      expect(Buffer.from((await named('C1:WF? DAT2')) as Uint8Array).toString(), header).toBe('a\nb#c');
    }
    state.answer = () => 'DAT2,#15a\nb\nc\n';
    expect(codeOf(await within(clock, 3000, session.queryBlock('DATA?')))).toBe('protocol.malformed');
    const refused = [
      'no block at all\n',
      `${'long '.repeat(20)}#15abcde\n`,
      '\u0001,#15abcde\n',
      'DAT2,#xabc\n',
      'CMR\n#15abcde\n',
    ];
    for (const answer of refused) {
      state.answer = () => answer;
      expect(codeOf(await named('DATA?')), answer).toBe('protocol.malformed');
    }
    await session[Symbol.asyncDispose]();
  });

  it('takes blocks, waits for their terminator, and gives them as text to whoever asked for a line', async () => {
    const state = await play();
    const { session, clock } = state;
    state.answer = () => '#15a\nb\nc\n\n';
    expect(Buffer.from(await session.queryBlock('DATA?')).toString()).toBe('a\nb\nc');
    expect(await session.query('DATA?')).toBe('#15a\nb\nc');
    state.answer = () => '#15a\nb\nc';
    const bare = await within(clock, 500, session.queryBlock('DATA?'));
    expect(Buffer.from(bare as Uint8Array).toString()).toBe('a\nb\nc');
    state.answer = () => '#9000000100too few\n';
    expect(codeOf(await within(clock, 3000, session.queryBlock('DATA?')))).toBe('transport.timeout');
    state.answer = () => '#13abcdef\n';
    expect(codeOf(await within(clock, 3000, session.queryBlock('DATA?')))).toBe('protocol.malformed');
    state.answer = () => '-113,"Undefined header"\n';
    expect(codeOf(await within(clock, 3000, session.queryBlock('DATA?')))).toBe('protocol.malformed');
    state.answer = (line) => `re ${line}\n`;
    expect(await within(clock, 3000, session.query('NEXT?'))).toBe('re NEXT?');
    await session[Symbol.asyncDispose]();
  });

  it('keeps others out of a transaction and ends its wire with it', async () => {
    const { session, heard } = await play();
    let kept: { write(text: string): Promise<void> } | undefined;
    const both = Promise.all([
      session.transaction(async (wire) => {
        kept = wire;
        await wire.write('INST:NSEL 2');
        const { text } = await wire.query('VOLT?');
        await wire.query('CURR?');
        return text;
      }),
      session.query('OTHER?'),
    ]);
    expect(await both).toEqual(['re VOLT?', 're OTHER?']);
    expect(heard).toEqual(['INST:NSEL 2', 'VOLT?', 'CURR?', 'OTHER?']);
    await expect(kept?.write('VOLT 1')).rejects.toMatchObject({ code: 'call.invalid' });
    await expect(session.transaction(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    expect(await session.query('AFTER?')).toBe('re AFTER?');
    await session[Symbol.asyncDispose]();
  });

  it('makes the wire clean between the steps of a transaction, too', async () => {
    const state = await play();
    const { session, clock } = state;
    state.answer = (line) => (line === 'SLOW?' ? undefined : `re ${line}\n`);
    const result = session.transaction(async (wire) => {
      const slow = await wire.query('SLOW?', 100).catch((error: LabError) => error.code);
      return [slow, (await wire.query('NEXT?')).text];
    });
    expect(await within(clock, 5000, result)).toEqual(['transport.timeout', 're NEXT?']);
    await session[Symbol.asyncDispose]();
  });

  it('ends a transaction that holds the wire too long, and stops one that is cancelled', async () => {
    const state = await play({ limits: { transactionMs: 1000 } });
    const { session, clock } = state;
    const endless = session.transaction(() => new Promise<never>(() => {}));
    expect(codeOf(await within(clock, 2000, endless))).toBe('transport.timeout');
    const controller = new AbortController();
    const steps = session.transaction(
      async (wire) => {
        await wire.query('ONE?');
        controller.abort();
        await wire.query('TWO?');
      },
      { signal: controller.signal },
    );
    expect(codeOf(await within(clock, 1000, steps))).toBe('call.cancelled');
    expect(await within(clock, 3000, session.query('NEXT?'))).toBe('re NEXT?');
    expect(state.heard).not.toContain('TWO?');
    await session[Symbol.asyncDispose]();
  });

  it('lends the wire: queries are refused meanwhile, bytes go to the borrower, its end closes the session', async () => {
    const state = await play();
    const { session } = state;
    const { transport, release } = await session.takeWire();
    await expect(session.query('A?')).rejects.toMatchObject({ code: 'instrument.busy' });
    await transport.write(Buffer.from('STAR\n'));
    void state.device().send(Buffer.from('stream'));
    expect(Buffer.from((await transport.read()).bytes).toString()).toBe('stream');
    expect(session.stats.bytesIn).toBe(6);
    expect(state.heard).toEqual(['STAR']);
    const reading = transport.read();
    state.device().hangUp();
    await expect(reading).rejects.toMatchObject({ code: 'transport.closed' });
    await session.closed;
    await release();
    await session[Symbol.asyncDispose]();
  });

  it('gives a waiting answer up soon when outputs are to be switched off', async () => {
    const state = await play();
    const { session, clock } = state;
    state.answer = (line) => (line === 'SLOW?' ? undefined : `re ${line}\n`);
    const slow = session.query('SLOW?', { timeoutMs: 60_000 });
    slow.catch(() => {});
    const polls = session.query('POLL?', { priority: 'poll' });
    const off = session.query('OUTP?', { priority: 'safety' });
    const start = clock.monotonicMs();
    expect(await within(clock, 5000, off)).toBe('re OUTP?');
    expect(clock.monotonicMs() - start).toBeLessThan(1000);
    expect(state.heard).toEqual(['SLOW?', 'OUTP?', 'POLL?'].slice(0, state.heard.length));
    await within(clock, 100, polls);
    await session[Symbol.asyncDispose]();
  });

  it('refuses texts that would be answered to someone else', async () => {
    const { session, heard } = await play();
    await expect(session.write('MEAS?')).rejects.toMatchObject({ code: 'call.invalid' });
    await expect(session.query('A?\nB?')).rejects.toMatchObject({ code: 'call.invalid' });
    await session.write('DISP:TEXT "ok?"');
    expect(heard).toEqual(['DISP:TEXT "ok?"']);
    await session[Symbol.asyncDispose]();
  });

  it('paces a slow device', async () => {
    const state = await play({ limits: { paceMs: 80 } });
    const start = state.clock.monotonicMs();
    const asked = Promise.all([1, 2, 3].map((one) => state.session.query(`Q${one}?`)));
    await within(state.clock, 1000, asked);
    expect(state.clock.monotonicMs() - start).toBeGreaterThanOrEqual(160);
    await state.session[Symbol.asyncDispose]();
  });

  it('takes on another pace and other line ends when it is known who is there', async () => {
    const clock = new ManualClock();
    const { transport, device } = createMemoryWire({ clock });
    const heard: [number, string][] = [];
    device.onBytes((bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      heard.push([clock.monotonicMs(), text]);
      void device.send(Buffer.from(text.endsWith('\r\n') ? 'two\r' : 'one\n'));
    });
    await using session = await openSession({ clock, open: async () => transport });
    expect(await within(clock, 100, session.query('*IDN?'))).toBe('one');
    session.adapt({ paceMs: 80, writeTermination: '\r\n', readTermination: 'cr' });
    const answers = Promise.all([session.query('A?'), session.query('B?')]);
    expect(await within(clock, 1000, answers)).toEqual(['two', 'two']);
    expect(heard.map(([, text]) => text)).toEqual(['*IDN?\n', 'A?\r\n', 'B?\r\n']);
    const [, first = 0, second = 0] = heard.map(([ms]) => ms);
    expect(first).toBeGreaterThanOrEqual(80);
    expect(second - first).toBeGreaterThanOrEqual(80);
  });

  it('says in its trace what a way remarks on', async () => {
    const clock = new ManualClock();
    const { transport } = createMemoryWire({ clock });
    const open = async (): Promise<Transport> => Object.assign(transport, { notes: ['no modem lines'] });
    await using session = await openSession({ clock, open });
    expect(session.exchanges()).toMatchObject([{ direction: 'note', text: 'no modem lines' }]);
  });

  it('reads a message-based way only after a question, and takes END for the end', async () => {
    const clock = new ManualClock();
    const calls: string[] = [];
    const answers = ['42', '#0abc\n'];
    const transport: Transport = {
      resource: 'MEMORY::INSTR',
      isMessageBased: true,
      closed: new Promise(() => {}),
      write: async (bytes) => void calls.push(`write ${Buffer.from(bytes).toString().trim()}`),
      read: async ({ signal } = {}) => {
        calls.push('read');
        const next = answers.shift();
        if (next !== undefined) return { bytes: Buffer.from(next), end: true };
        return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      },
      [Symbol.asyncDispose]: async () => {},
    };
    const session = await openSession({ clock, open: async () => transport });
    await session.write('VOLT 5');
    expect(await session.query('VOLT?')).toBe('42');
    expect(Buffer.from(await session.queryBlock('DATA?')).toString()).toBe('abc');
    await session.write('VOLT 6');
    expect(calls).toEqual(['write VOLT 5', 'write VOLT?', 'read', 'write DATA?', 'read', 'write VOLT 6']);
    await session[Symbol.asyncDispose]();
  });

  it('outlives 100 MB without a terminator', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 0x41);
    let floods = 0;
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        if (!bytes.toString().includes('FLOOD?')) return void socket.write('fine\n');
        floods++;
        let left = 100;
        const pour = (): void => {
          while (left > 0 && !socket.destroyed) {
            left--;
            if (!socket.write(chunk)) return void socket.once('drain', pour);
          }
        };
        pour();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const resource = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    const session = await openSession({ resource, clock: createSystemClock() });
    const before = process.memoryUsage().rss;
    await expect(session.query('FLOOD?')).rejects.toMatchObject({ code: 'protocol.too-long' });
    expect(await session.query('NEXT?')).toBe('fine');
    expect(floods).toBe(1);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    expect(session.exchanges().length).toBeLessThan(60);
    await session[Symbol.asyncDispose]();
    server.close();
  });

  it('opens nothing when cancelled, and passes the errors of opening on', async () => {
    const clock = createSystemClock();
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const resource = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    const signal = AbortSignal.abort();
    await expect(openSession({ resource, clock, signal })).rejects.toMatchObject({ code: 'call.cancelled' });
    server.close();
    await once(server, 'close');
    await expect(openSession({ resource, clock })).rejects.toMatchObject({ code: 'transport.refused' });
    await expect(openSession({ resource: 'what::ever', clock })).rejects.toMatchObject({ code: 'resource.malformed' });
    await expect(openSession({ clock })).rejects.toMatchObject({ code: 'call.invalid' });
  });
});
