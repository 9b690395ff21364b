import { afterEach, describe, expect, it } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';

/** The far end of a transport under test. */
export interface FarEnd {
  /** Everything the transport wrote so far. */
  received(): Uint8Array;
  /** Resolves when so many bytes were received. */
  receivedAtLeast(count: number): Promise<void>;
  /** Resolves when the way has taken the bytes. */
  send(bytes: Uint8Array): Promise<void>;
  /** Ends the connection. */
  hangUp(): Promise<void>;
}

export interface TransportCase {
  transport: Transport;
  far: FarEnd;
  dispose(): Promise<void>;
}

export interface TransportKind {
  name: string;
  /** With a read buffer of 64 KiB. */
  open(): Promise<TransportCase>;
  /** What was sent before a hangup arrives whole (a pulled serial adapter loses what the kernel held). */
  keepsTail: boolean;
  skip?: boolean;
  /** Bytes that no kernel buffer of this way holds. */
  floodBytes: number;
}

/** Duties of transport.ts, the same for every way. */
export function describeTransport(kind: TransportKind): void {
  describe.skipIf(kind.skip)(`transport: ${kind.name}`, () => {
    const cases: TransportCase[] = [];
    const open = async (): Promise<TransportCase> => {
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

    it('carries every byte value both ways, also while a read waits', async () => {
      const { transport, far } = await open();
      const all = Uint8Array.from({ length: 256 }, (_, index) => index);
      const reading = readExactly(transport, 256);
      await transport.write(all);
      await far.receivedAtLeast(256);
      expect(far.received()).toEqual(all);
      await far.send(all);
      expect(await reading).toEqual(all);
    });

    it('ends a read at the termination character and keeps what follows', async () => {
      const { transport, far } = await open();
      const first = transport.read({ termChar: 10 });
      await far.send(text('par'));
      await far.send(text('t one\npart two\nrest'));
      expect(show((await first).bytes)).toBe('part one\n');
      expect(show((await transport.read({ termChar: 10 })).bytes)).toBe('part two\n');
      expect(show(await readExactly(transport, 4))).toBe('rest');
    });

    it('gives no more than max', async () => {
      const { transport, far } = await open();
      await far.send(text('abcdef'));
      expect(show((await transport.read({ max: 2 })).bytes)).toMatch(/^ab?$/);
      let rest = '';
      while (!rest.endsWith('f')) {
        const { bytes } = await transport.read({ max: 2, termChar: 10 });
        expect(bytes.length).toBeLessThanOrEqual(2);
        rest += show(bytes);
      }
      expect('abcdef'.endsWith(rest)).toBe(true);
    });

    it('refuses a second read while one waits', async () => {
      const { transport, far } = await open();
      const first = transport.read();
      await expect(transport.read()).rejects.toMatchObject({ code: 'call.invalid' });
      await far.send(text('x'));
      expect(show((await first).bytes)).toBe('x');
    });

    it('aborts a read with its reason; later bytes stay for the next one', async () => {
      const { transport, far } = await open();
      const controller = new AbortController();
      const reading = transport.read({ signal: controller.signal });
      controller.abort(new LabError('transport.timeout', 'too late'));
      await expect(reading).rejects.toMatchObject({ code: 'transport.timeout' });
      await expect(transport.read({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'call.cancelled' });
      const half = new AbortController();
      const line = transport.read({ termChar: 10, signal: half.signal });
      await far.send(text('begun'));
      half.abort();
      await expect(line).rejects.toMatchObject({ code: 'call.cancelled' });
      await far.send(text(' ended\n'));
      expect(show(await readExactly(transport, 12))).toBe('begun ended\n');
    });

    it('tells the end of the other side once, to the read that waits and to everyone after', async () => {
      const { transport, far } = await open();
      await far.send(text('last'));
      if (!kind.keepsTail) expect(show(await readExactly(transport, 4))).toBe('last');
      const reading = kind.keepsTail ? readExactly(transport, 4) : undefined;
      await far.hangUp();
      if (reading) expect(show(await reading)).toBe('last');
      await expect(transport.read()).rejects.toMatchObject({ code: 'transport.closed' });
      await expect(transport.read()).rejects.toMatchObject({ code: 'transport.closed' });
      expect((await transport.closed).code).toBe('transport.closed');
      await expect(transport.write(text('x'))).rejects.toMatchObject({ code: 'transport.closed' });
      await transport[Symbol.asyncDispose]();
    });

    it('is disposed twice; a waiting read rejects', async () => {
      const { transport } = await open();
      const reading = transport.read();
      const rejected = expect(reading).rejects.toMatchObject({ code: 'transport.closed' });
      await Promise.all([transport[Symbol.asyncDispose](), transport[Symbol.asyncDispose]()]);
      await rejected;
      await transport[Symbol.asyncDispose]();
      await expect(transport.read()).rejects.toMatchObject({ code: 'transport.closed' });
      await expect(transport.write(text('x'))).rejects.toMatchObject({ code: 'transport.closed' });
      expect((await transport.closed).code).toBe('transport.closed');
    });

    it('holds the sender back while nobody reads, and loses nothing', async () => {
      const { transport, far } = await open();
      const block = Uint8Array.from({ length: 64 * 1024 }, (_, index) => (index * 31) & 0xff);
      const blocks = kind.floodBytes / block.length;
      let sent = 0;
      const sending = (async () => {
        for (; sent < blocks; sent++) await far.send(block);
      })();
      // Until the sender stands still: nothing taken between two looks.
      for (let before = -1; before !== sent; ) {
        before = sent;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(sent).toBeLessThan(blocks);
      let position = 0;
      while (position < kind.floodBytes) {
        const { bytes } = await transport.read();
        for (let index = 0; index < bytes.length; index += 997) {
          if (bytes[index] !== block[(position + index) % block.length])
            throw new Error(`wrong byte at ${position + index}`);
        }
        position += bytes.length;
      }
      await sending;
      expect(position).toBe(kind.floodBytes);
    });
  });
}

const text = (characters: string): Uint8Array => new TextEncoder().encode(characters);
const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

async function readExactly(transport: Transport, count: number): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for (let left = count; left > 0; ) {
    const { bytes } = await transport.read({ max: left });
    parts.push(Buffer.from(bytes));
    left -= bytes.length;
  }
  return new Uint8Array(Buffer.concat(parts));
}
