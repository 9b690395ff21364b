import { afterEach, describe, expect, it } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import type { TestDevice } from './test-device.ts';

export interface MessageCase {
  transport: Transport;
  device: TestDevice;
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
}

/** Duties of transport.ts for ways that carry messages, the same for every one. */
export function describeMessageTransport(kind: MessageKind): void {
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
      const { transport, device } = await open();
      for (let round = 0; round < 20; round++) {
        await transport.write(text(`ECHO? ${round}`), { end: true });
        expect(show(await readMessage(transport))).toBe(`ECHO? ${round}`);
      }
      expect(device.received).toHaveLength(20);
      expect(device.errors).toEqual([]);
    });

    it('reads what is asked in the same breath: the question goes first', async () => {
      const { transport, device } = await open();
      for (let round = 0; round < 5; round++) {
        const writing = transport.write(text(`ECHO? ${round}`), { end: true });
        const reading = readMessage(transport);
        await writing;
        expect(show(await reading)).toBe(`ECHO? ${round}`);
      }
      // No read came before its question (488.2 -420).
      expect(device.errors).toEqual([]);
    });

    it('carries every byte value both ways', async () => {
      const { transport, device } = await open();
      const unsendable = new Set(kind.unsendable ?? []);
      const all = Uint8Array.from({ length: 256 }, (_, index) => index).filter((byte) => !unsendable.has(byte));
      // Not last: a terminator at the end belongs to the message exchange.
      const message = new Uint8Array([...all, 65]);
      await transport.write(message, { end: true });
      expect(await readMessage(transport)).toEqual(message);
      expect(device.received[0]).toEqual(message);
    });

    it('carries a block of a mebibyte both ways, intact', async () => {
      const { transport, device } = await open();
      const unsendable = new Set(kind.unsendable ?? []);
      const big = pattern(kind.bigBytes ?? 1024 * 1024, unsendable);
      await transport.write(big, { end: true });
      const back = await readMessage(transport);
      expect(back.length).toBe(big.length);
      expect(Buffer.compare(back, big)).toBe(0);
      expect(Buffer.compare(device.received[0] ?? new Uint8Array(0), big)).toBe(0);
    });

    it('takes a message in pieces, and lengths around every packet size', async () => {
      const { transport, device } = await open();
      await transport.write(text('ECHO? a'), { end: false });
      await transport.write(text('bc'), { end: true });
      expect(show(await readMessage(transport))).toBe('ECHO? abc');
      for (const length of [
        1, 2, 3, 4, 5, 51, 52, 53, 63, 64, 65, 499, 500, 501, 511, 512, 513, 1023, 1024, 1025, 4096,
      ]) {
        const message = pattern(length, new Set([...(kind.unsendable ?? []), 10, 13]));
        await transport.write(message, { end: true });
        expect(await readMessage(transport), `${length} bytes`).toEqual(message);
      }
      expect(device.errors).toEqual([]);
    });

    it('gives no more than max, and ends at the termination character', async () => {
      const { transport, device } = await open();
      device.answer = () => text('abc\ndef\n');
      await transport.write(text('X?'), { end: true });
      const first = await transport.read({ max: 2 });
      expect(show(first.bytes)).toMatch(/^ab?$/);
      let rest = show(first.bytes);
      while (!rest.endsWith('\n')) rest += show((await transport.read({ max: 100, termChar: 10 })).bytes);
      expect(rest).toBe('abc\n');
      expect(show(await readMessage(transport))).toBe('def\n');
    });

    it('refuses a second read while one waits', async () => {
      const { transport, device } = await open();
      let answer: ((bytes: Uint8Array) => void) | undefined;
      device.answer = () => new Promise((resolve) => (answer = resolve));
      await transport.write(text('X?'), { end: true });
      const first = readMessage(transport);
      await expect(transport.read()).rejects.toMatchObject({ code: 'call.invalid' });
      await device.receivedAtLeast(1);
      answer?.(text('x'));
      expect(show(await first)).toBe('x');
    });

    it.runIf(kind.has.clear)('after an aborted read and a clear, the late answer reaches nobody', async () => {
      const { transport, device } = await open();
      let late: ((bytes: Uint8Array) => void) | undefined;
      device.answer = () => new Promise((resolve) => (late = resolve));
      await transport.write(text('SLOW?'), { end: true });
      await device.receivedAtLeast(1);
      const controller = new AbortController();
      const reading = transport.read({ signal: controller.signal });
      controller.abort(new LabError('transport.timeout', 'too late'));
      await expect(reading).rejects.toMatchObject({ code: 'transport.timeout' });
      await transport.control?.clear?.();
      late?.(text('stale'));
      device.answer = (message) => message;
      for (let round = 0; round < 3; round++) {
        await transport.write(text(`ECHO? ${round}`), { end: true });
        expect(show(await readMessage(transport))).toBe(`ECHO? ${round}`);
      }
      expect(device.counts.clears).toBeGreaterThanOrEqual(1);
    });

    it.runIf(kind.has.clear)('a clear in the middle of an answer throws the rest away', async () => {
      const { transport, device } = await open();
      const big = pattern(kind.bigBytes ?? 1024 * 1024, new Set(kind.unsendable ?? []));
      device.answer = () => big;
      await transport.write(text('BIG?'), { end: true });
      const first = await transport.read({ max: 100 });
      expect(first.bytes.length).toBeGreaterThan(0);
      await transport.control?.clear?.();
      device.answer = (message) => message;
      await transport.write(text('ECHO? after'), { end: true });
      expect(show(await readMessage(transport))).toBe('ECHO? after');
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
      try {
        await transport.write(text('ECHO? one'), { end: true });
        await other.write(text('ECHO? two'), { end: true });
        expect(show(await readMessage(other))).toBe('ECHO? two');
        expect(show(await readMessage(transport))).toBe('ECHO? one');
      } finally {
        await other[Symbol.asyncDispose]();
      }
    });

    it('tells an unplugged device at once, to the read that waits and to everyone after', async () => {
      const { transport, device, unplug } = await open();
      device.answer = () => new Promise(() => {});
      await transport.write(text('NEVER?'), { end: true });
      await device.receivedAtLeast(1);
      const reading = transport.read();
      const rejected = expect(reading).rejects.toMatchObject({ code: gone });
      await unplug();
      await rejected;
      await expect(transport.read()).rejects.toMatchObject({ code: gone });
      await expect(transport.write(text('x'), { end: true })).rejects.toMatchObject({ code: gone });
      expect((await transport.closed).code).toSatisfy((code: string) => /^transport\.(closed|failed)$/.test(code));
      await transport[Symbol.asyncDispose]();
    });

    it('survives being unplugged in the middle of a transfer', async () => {
      const { transport, device, unplug } = await open();
      device.answer = () => pattern(kind.bigBytes ?? 4 * 1024 * 1024, new Set(kind.unsendable ?? []));
      await transport.write(text('BIG?'), { end: true });
      await transport.read({ max: 1000 });
      await unplug();
      await expect(
        (async () => {
          for (;;) await transport.read();
        })(),
      ).rejects.toMatchObject({ code: gone });
    });

    it('is disposed twice; a waiting read rejects; the device sees it go', async () => {
      const { transport, device } = await open();
      device.answer = () => new Promise(() => {});
      await transport.write(text('NEVER?'), { end: true });
      const reading = transport.read();
      const rejected = expect(reading).rejects.toMatchObject({ code: 'transport.closed' });
      await Promise.all([transport[Symbol.asyncDispose](), transport[Symbol.asyncDispose]()]);
      await rejected;
      await expect(transport.read()).rejects.toMatchObject({ code: 'transport.closed' });
      await expect(transport.write(text('x'))).rejects.toMatchObject({ code: 'transport.closed' });
      expect((await transport.closed).code).toBe('transport.closed');
      await untilTrue(async () => device.counts.open === 0);
    });
  });
}

/** Ended or failed: both say that the device is gone. */
const gone = expect.stringMatching(/^transport\.(closed|failed)$/);

export const text = (characters: string): Uint8Array => new TextEncoder().encode(characters);
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

function pattern(length: number, without: ReadonlySet<number>): Uint8Array {
  const allowed = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !without.has(byte));
  const bytes = new Uint8Array(length);
  for (let index = 0, state = 12345; index < length; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[index] = allowed[(state >>> 16) % allowed.length] ?? 0;
  }
  // A terminator at the end belongs to the message exchange.
  bytes[length - 1] = 65;
  return bytes;
}

async function untilTrue(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it did not come true in five seconds');
}
