import { afterEach, describe, expect, it } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { ascii, createOctetDialect, type Exchange, type MessageDialect, type SuiteDevice } from './message-dialect.ts';

export interface MessageCase {
  transport: Transport;
  device: SuiteDevice;
  /** The cable is pulled or the device switched off, in whatever state it is. */
  unplug(): Promise<void>;
  /** Another client of the same device. */
  openOther?(): Promise<Transport>;
  dispose(): Promise<void>;
}

export interface MessageKind {
  name: string;
  skip?: boolean;
  open(): Promise<MessageCase>;
  /** What this way has; the suite checks that it has exactly these. */
  has: {
    clear: boolean;
    trigger: boolean;
    statusByte: boolean;
    serviceRequest: boolean;
    lock: boolean;
    sharedLock?: boolean;
    remoteLocal: boolean;
  };
  /** Bytes of the big block; default 1 MiB. */
  bigBytes?: number;
  /** Bytes a message may not hold (a way that ends messages by a terminator); default none. */
  unsendable?: number[];
  /** The language of a way that does not carry any bytes; default: echoed bytes. */
  dialect?: MessageDialect;
}

/** Duties of transport.ts for ways that carry messages, the same for every one. */
export function describeMessageTransport(kind: MessageKind): void {
  const dialect = kind.dialect ?? createOctetDialect(kind);
  const { question } = dialect;

  /** Sends a question that is not answered yet. Settles with the code of its error, if it ends with one: never rejects. */
  async function send({ transport, device }: MessageCase, message: Uint8Array): Promise<{ written: Promise<string> }> {
    const count = device.received.length + 1;
    const written = codeOf(transport.write(message, { end: true }));
    if (!dialect.isAnsweredByWrite) expect(await written).toBe('');
    await device.receivedAtLeast(count);
    return { written };
  }

  async function check(
    { transport, device }: MessageCase,
    { message, arrives, answer }: Exchange,
    pieces: readonly Uint8Array[] = [message],
  ): Promise<void> {
    for (const [index, piece] of pieces.entries()) await transport.write(piece, { end: index === pieces.length - 1 });
    const what = show(message.subarray(0, 40));
    if (answer) expectSame(await readMessage(transport), answer, `answer to ${what}`);
    expectSame(device.received.at(-1) ?? new Uint8Array(0), arrives, `arrival of ${what}`);
  }

  describe.skipIf(kind.skip)(`message transport: ${kind.name}`, () => {
    const cases: MessageCase[] = [];
    const open = async (): Promise<MessageCase> => {
      const opened = await kind.open();
      cases.push(opened);
      return opened;
    };
    afterEach(async () => {
      for (const opened of cases.splice(0)) {
        await opened.transport[Symbol.asyncDispose]();
        await opened.dispose();
      }
    });

    it('carries a question and its answer, many times', async () => {
      const opened = await open();
      for (let round = 0; round < 20; round++) await check(opened, question(round));
      expect(opened.device.received).toHaveLength(20);
      expect(opened.device.errors).toEqual([]);
    });

    it('reads what is asked in the same breath: the question goes first', async () => {
      const { transport, device } = await open();
      for (let round = 0; round < 5; round++) {
        const { message, answer } = question(round);
        const writing = transport.write(message, { end: true });
        const reading = readMessage(transport);
        await writing;
        expect(await reading).toEqual(answer);
      }
      // No read came before its question (488.2 -420).
      expect(device.errors).toEqual([]);
    });

    it(dialect.values.name, async () => {
      const opened = await open();
      for (const exchange of dialect.values.exchanges()) await check(opened, exchange);
    });

    it(dialect.biggest.name, async () => {
      const opened = await open();
      for (const exchange of dialect.biggest.exchanges()) await check(opened, exchange);
    });

    it(dialect.lengths.name, async () => {
      const opened = await open();
      for (const [index, exchange] of dialect.lengths.exchanges().entries()) {
        const { message } = exchange;
        const pieces = [message.subarray(0, -2), message.subarray(-2)];
        await check(opened, exchange, index === 0 ? pieces : undefined);
      }
      expect(opened.device.errors).toEqual([]);
    });

    it('gives no more than max, and ends at the termination character', async () => {
      const { transport, device } = await open();
      const { question: message, termChar, first, rest } = dialect.twoParts(device);
      await transport.write(message, { end: true });
      const begin = show((await transport.read({ max: 2 })).bytes);
      expect(begin.length).toBeGreaterThan(0);
      expect(begin.length).toBeLessThanOrEqual(2);
      let part = begin;
      while (!part.endsWith(String.fromCharCode(termChar))) {
        part += show((await transport.read({ max: 100, termChar })).bytes);
      }
      expect(part).toBe(first);
      expect(show(await readMessage(transport))).toBe(rest);
    });

    it('refuses a second read while one waits', async () => {
      const opened = await open();
      const { transport, device } = opened;
      const release = hold(device);
      const { message, answer } = question(7);
      const { written } = await send(opened, message);
      const first = readMessage(transport);
      await expect(transport.read()).rejects.toMatchObject({ code: 'call.invalid' });
      release();
      expect(await first).toEqual(answer);
      expect(await written).toBe('');
    });

    it.each([
      ['in the same breath', async () => {}],
      ['a turn later', () => new Promise<void>((resolve) => setImmediate(resolve))],
    ])('two writes, then a read that is given up %s; then a question', async (_when, pause) => {
      const opened = await open();
      const { transport } = opened;
      for (let round = 0; round < 3; round++) {
        const [unread, one, two, last] = [0, 1, 2, 3].map((number) => question(10 * round + number)) as [
          Exchange,
          Exchange,
          Exchange,
          Exchange,
        ];
        // There is something to read, so the read is on its way as soon as the writes let it.
        await transport.write(unread.message, { end: true });
        const controller = new AbortController();
        const writing = [one, two].map(({ message }) => codeOf(transport.write(message, { end: true })));
        const reading = codeOf(transport.read({ signal: controller.signal }));
        await pause();
        controller.abort(new LabError('transport.timeout', 'too late'));
        // A turn later an answer may have been there already.
        expect(['transport.timeout', '']).toContain(await reading);
        // One that is answered by its write may be given up for the next.
        for (const code of await Promise.all(writing)) expect(dialect.isAnsweredByWrite ? '' : code).toBe('');
        await transport.write(last.message, { end: true });
        const earlier = [unread, one, two].map(({ answer }) => show(answer ?? new Uint8Array(0)));
        let answer = show(await readMessage(transport));
        // Where questions overlap nothing is thrown away: the answers come in their order.
        while (earlier.includes(answer)) answer = show(await readMessage(transport));
        expect(answer).toBe(show(last.answer ?? new Uint8Array(0)));
      }
      if (!kind.has.clear) return;
      await transport.control?.clear?.();
      await check(opened, question(40));
    });

    it.runIf(kind.has.clear).each([
      ['in the same breath', async () => {}],
      ['a turn later', () => new Promise<void>((resolve) => setImmediate(resolve))],
    ])('two writes and a read, all of which a clear ends %s; then a question', async (_when, pause) => {
      const opened = await open();
      const { transport } = opened;
      for (let round = 0; round < 3; round++) {
        const messages = [0, 1, 2].map((number) => question(10 * round + number).message);
        await transport.write(messages[0] as Uint8Array, { end: true });
        const ended = messages.slice(1).map((message) => codeOf(transport.write(message, { end: true })));
        ended.push(codeOf(transport.read()));
        await pause();
        await transport.control?.clear?.();
        // What was through before is no loss; the rest is told, and nothing waits for ever.
        await Promise.all(ended);
        await check(opened, question(10 * round + 3));
      }
    });

    it.runIf(kind.has.clear)('after an aborted read and a clear, the late answer reaches nobody', async () => {
      const opened = await open();
      const { transport, device } = opened;
      const release = hold(device);
      const { written } = await send(opened, question(7).message);
      const controller = new AbortController();
      const reading = transport.read({ signal: controller.signal });
      controller.abort(new LabError('transport.timeout', 'too late'));
      await expect(reading).rejects.toMatchObject({ code: 'transport.timeout' });
      await transport.control?.clear?.();
      release();
      device.answer = (message) => message;
      for (let round = 0; round < 3; round++) await check(opened, question(round));
      if (dialect.isAnsweredByWrite) expect(await written).toBe('call.cancelled');
      if (dialect.isClearSent) expect(device.counts.clears).toBeGreaterThanOrEqual(1);
    });

    it.runIf(kind.has.clear)('a clear in the middle of an answer throws the rest away', async () => {
      const opened = await open();
      const { transport, device } = opened;
      await transport.write(dialect.bigAnswer(device), { end: true });
      const first = await transport.read({ max: 100 });
      expect(first.bytes.length).toBeGreaterThan(0);
      expect(first.end).toBe(false);
      await transport.control?.clear?.();
      device.answer = (message) => message;
      await check(opened, question(5));
    });

    it('says which controls it has', async () => {
      const { transport } = await open();
      const control = transport.control ?? {};
      const { sharedLock: _, serviceRequest, ...has } = kind.has;
      for (const [name, wanted] of Object.entries({ ...has, onServiceRequest: serviceRequest })) {
        expect(name in control && control[name as keyof typeof control] !== undefined, name).toBe(wanted);
      }
    });

    it.runIf(kind.has.trigger)('triggers', async () => {
      const { transport, device } = await open();
      await transport.control?.trigger?.();
      await transport.write(text('ECHO? t'), { end: true });
      expect(show(await readMessage(transport))).toBe('ECHO? t');
      expect(device.counts.triggers).toBe(1);
    });

    it.runIf(kind.has.statusByte)('reads the status byte, also with an answer waiting', async () => {
      const { transport, device } = await open();
      device.setStatus(0x84);
      expect((await transport.control?.statusByte?.()) ?? -1).toBe(0x84);
      device.setStatus(0);
      await transport.write(text('ECHO? s'), { end: true });
      await device.receivedAtLeast(1);
      await untilTrue(async () => ((await transport.control?.statusByte?.()) ?? 0) === 16);
      expect(show(await readMessage(transport))).toBe('ECHO? s');
      expect(await transport.control?.statusByte?.()).toBe(0);
    });

    it.runIf(kind.has.serviceRequest)('tells service requests, each once, and stops when asked to', async () => {
      const { transport, device } = await open();
      const seen: (number | undefined)[] = [];
      let arrived: (() => void) | undefined;
      device.serviceRequestEnable = 0x20;
      const watch = await transport.control?.onServiceRequest?.((byte) => {
        seen.push(byte);
        arrived?.();
      });
      const next = (): Promise<void> => new Promise((resolve) => (arrived = resolve));
      const first = next();
      device.setStatus(0x20);
      await first;
      expect(await transport.control?.statusByte?.()).toSatisfy((byte: number) => (byte & 0x20) !== 0);
      device.setStatus(0);
      const second = next();
      device.setStatus(0x20);
      await second;
      expect(seen).toHaveLength(2);
      await watch?.[Symbol.asyncDispose]();
      device.setStatus(0);
      device.setStatus(0x20);
      await transport.write(text('ECHO? q'), { end: true });
      expect(show(await readMessage(transport))).toBe('ECHO? q');
      expect(seen).toHaveLength(2);
    });

    it.runIf(kind.has.remoteLocal)('goes to local', async () => {
      const { transport, device } = await open();
      await transport.control?.remoteLocal?.('local');
      await transport.write(text('ECHO? r'), { end: true });
      expect(show(await readMessage(transport))).toBe('ECHO? r');
      expect(device.remote).toContain('local');
    });

    it.runIf(kind.has.lock)('locks out another client until it unlocks', async () => {
      const { transport, openOther } = await open();
      const other = (await openOther?.()) as Transport;
      try {
        await transport.control?.lock?.({ timeoutMs: 1000 });
        await expect(other.control?.lock?.({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'transport.busy' });
        await transport.write(text('ECHO? mine'), { end: true });
        expect(show(await readMessage(transport))).toBe('ECHO? mine');
        const waiting = other.control?.lock?.({ timeoutMs: 20_000 });
        await transport.control?.unlock?.();
        await waiting;
        await other.write(text('ECHO? theirs'), { end: true });
        expect(show(await readMessage(other))).toBe('ECHO? theirs');
        await other.control?.unlock?.();
        await expect(other.control?.unlock?.()).rejects.toMatchObject({ code: 'call.invalid' });
      } finally {
        await other[Symbol.asyncDispose]();
      }
    });

    it.runIf(kind.has.sharedLock === true)('shares a lock by its key', async () => {
      const { transport, openOther } = await open();
      const other = (await openOther?.()) as Transport;
      try {
        await transport.control?.lock?.({ timeoutMs: 0, sharedKey: 'bench' });
        await other.control?.lock?.({ timeoutMs: 0, sharedKey: 'bench' });
        await other.control?.unlock?.();
        await expect(other.control?.lock?.({ timeoutMs: 0, sharedKey: 'other' })).rejects.toMatchObject({
          code: 'transport.busy',
        });
      } finally {
        await other[Symbol.asyncDispose]();
      }
    });

    it('keeps two clients apart', async () => {
      const { openOther, transport } = await open();
      if (!openOther) return;
      const other = await openOther();
      const [one, two] = [question(1), question(2)];
      try {
        await transport.write(one.message, { end: true });
        await other.write(two.message, { end: true });
        expect(await readMessage(other)).toEqual(two.answer);
        expect(await readMessage(transport)).toEqual(one.answer);
      } finally {
        await other[Symbol.asyncDispose]();
      }
    });

    it('tells an unplugged device at once, to the read that waits and to everyone after', async () => {
      const opened = await open();
      const { transport, device, unplug } = opened;
      device.answer = () => new Promise(() => {});
      const { message } = question(9);
      const { written } = await send(opened, message);
      const reading = transport.read();
      const rejected = expect(reading).rejects.toMatchObject({ code: gone });
      await unplug();
      await rejected;
      if (dialect.isAnsweredByWrite) expect(await written).toEqual(gone);
      await expect(transport.read()).rejects.toMatchObject({ code: gone });
      await expect(transport.write(message, { end: true })).rejects.toMatchObject({ code: gone });
      expect((await transport.closed).code).toSatisfy((code: string) => /^transport\.(closed|failed)$/.test(code));
      await transport[Symbol.asyncDispose]();
    });

    it('survives being unplugged in the middle of a transfer', async () => {
      const opened = await open();
      const { transport, device, unplug } = opened;
      const { question: message, begun } = dialect.halfAnswer(device);
      await send(opened, message);
      await begun(transport);
      await unplug();
      await expect(
        (async () => {
          for (;;) await transport.read();
        })(),
      ).rejects.toMatchObject({ code: gone });
    });

    it('is disposed twice; a waiting read rejects; the device sees it go', async () => {
      const opened = await open();
      const { transport, device } = opened;
      device.answer = () => new Promise(() => {});
      const { message } = question(9);
      const { written } = await send(opened, message);
      const reading = transport.read();
      const rejected = expect(reading).rejects.toMatchObject({ code: 'transport.closed' });
      await Promise.all([transport[Symbol.asyncDispose](), transport[Symbol.asyncDispose]()]);
      await rejected;
      if (dialect.isAnsweredByWrite) expect(await written).toBe('transport.closed');
      await expect(transport.read()).rejects.toMatchObject({ code: 'transport.closed' });
      await expect(transport.write(message)).rejects.toMatchObject({ code: 'transport.closed' });
      expect((await transport.closed).code).toBe('transport.closed');
      await untilTrue(async () => device.counts.open === 0);
    });
  });
}

/** Ended or failed: both say that the device is gone. */
const gone = expect.stringMatching(/^transport\.(closed|failed)$/);

export const text = ascii;
export const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Reads to the end of the message. */
export async function readMessage(transport: Transport): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for (;;) {
    const { bytes, end } = await transport.read();
    parts.push(Buffer.from(bytes));
    if (end) return new Uint8Array(Buffer.concat(parts));
  }
}

/** Answers wait until they are let go; each is then what the device would have said at once. */
function hold(device: SuiteDevice): () => void {
  let release: (() => void) | undefined;
  device.answer = (message) =>
    new Promise((resolve) => {
      release = () => resolve(message);
    });
  return () => release?.();
}

/** '' or the code it rejects with; never rejects. */
function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => '',
    (error: unknown) => LabError.from(error).code,
  );
}

/** Without printing a mebibyte. */
function expectSame(actual: Uint8Array, wanted: Uint8Array, what: string): void {
  expect(actual.length, `length of the ${what}`).toBe(wanted.length);
  expect(Buffer.compare(actual, wanted), what).toBe(0);
}

async function untilTrue(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 6000; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it did not come true in a minute');
}
