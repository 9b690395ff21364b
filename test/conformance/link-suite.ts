import { describe, expect, it } from 'vitest';
import type { Link, LinkMessage } from '../../src/contract/link.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';

/** Two joined ends on a real way, and what the suite cannot do through the interface. */
export interface LinkPair {
  near: Link;
  far: Link;
  /** The far side dies without a goodbye (its process ends, its cable is pulled); absent where there is no such thing. */
  kill?: (() => void) | undefined;
  /** The far side sends what is no message of ours; absent where the type system is all there is between. */
  garbage?: (() => void) | undefined;
  dispose(): Promise<void>;
}

/** Collects until `count` messages have come. */
function collect(link: Link, count: number): Promise<LinkMessage[]> {
  return new Promise((resolve, reject) => {
    const messages: LinkMessage[] = [];
    link.onMessage((message) => {
      messages.push(message);
      if (messages.length === count) resolve(messages);
    });
    void link.closed.then((reason) => reject(new Error(`closed after ${messages.length}: ${reason}`)));
  });
}

/** Collects until the link has closed. */
async function collectAll(link: Link): Promise<{ messages: LinkMessage[]; reason: string }> {
  const messages: LinkMessage[] = [];
  link.onMessage((message) => messages.push(message));
  return { messages, reason: await link.closed };
}

function bytesOf(message: LinkMessage | undefined): number[] | string {
  if (message === undefined || typeof message === 'string') return message ?? 'nothing';
  return [...new Uint8Array(message)];
}

/** The duties of every link, run on each way there is. */
export function linkSuite(name: string, open: () => Promise<LinkPair>): void {
  describe(`link over ${name}`, () => {
    const test = (title: string, run: (pair: LinkPair, skip: (reason: string) => never) => Promise<void>): void => {
      it(title, async ({ skip }) => {
        const pair = await open();
        try {
          await run(pair, (reason) => skip(reason));
        } finally {
          await pair.dispose();
        }
      });
    };

    test('carries every byte and text in order, both ways at once', async ({ near, far }) => {
      const random = seededRandom(42);
      const sent: LinkMessage[] = Array.from({ length: 2000 }, (_, index) => {
        if (index % 3 === 0) return `${index} ${'µΩ±∞😀'.repeat(Math.floor(random.next() * 20))}`;
        return Uint8Array.from({ length: Math.floor(random.next() * 600) }, () => Math.floor(random.next() * 256))
          .buffer;
      });
      const copies = sent.map(bytesOf);
      const both = Promise.all([collect(far, sent.length), collect(near, sent.length)]);
      for (const message of sent) {
        far.send(typeof message === 'string' ? message : message.slice(0));
        near.send(message);
      }
      const [atFar, atNear] = await both;
      expect(atFar.map(bytesOf)).toEqual(copies);
      expect(atNear.map(bytesOf)).toEqual(copies);
    });

    test('carries all 256 byte values, the empty text and the empty buffer', async ({ near, far }) => {
      const received = collect(far, 4);
      near.send('');
      near.send(new ArrayBuffer(0));
      near.send(Uint8Array.from({ length: 256 }, (_, index) => index).buffer);
      near.send('\u0000');
      expect((await received).map(bytesOf)).toEqual(['', [], Array.from({ length: 256 }, (_, index) => index), '\0']);
    });

    test('carries big messages whole', async ({ near, far }) => {
      const words = new Uint32Array(4 * 1024 * 1024);
      for (let index = 0; index < words.length; index++) words[index] = Math.imul(index, 2_654_435_761);
      const text = 'x'.repeat(4 * 1024 * 1024);
      const received = collect(far, 2);
      near.send(words.buffer.slice(0));
      near.send(text);
      const [bytes, back] = await received;
      expect(Buffer.compare(Buffer.from(bytes as ArrayBuffer), Buffer.from(words.buffer))).toBe(0);
      expect(back === text).toBe(true);
    });

    test('keeps what came before the listener and gives it first', async ({ near, far }) => {
      // The echo on the far side proves that the early messages have arrived before near listens.
      const early = new Promise<void>((resolve) => {
        far.onMessage((message) => {
          far.send(message);
          if (message === 'c') resolve();
        });
      });
      for (const text of ['a', 'b', 'c']) near.send(text);
      await early;
      await new Promise((resolve) => setImmediate(resolve));
      const received = collect(near, 4);
      far.send('d');
      expect(await received).toEqual(['a', 'b', 'c', 'd']);
    });

    test('never calls the listener inside onMessage or send', async ({ near, far }) => {
      let isInside = true;
      const calls: boolean[] = [];
      const done = new Promise<void>((resolve) => {
        far.onMessage(() => {
          calls.push(isInside);
          if (calls.length === 2) resolve();
        });
      });
      near.send('one');
      near.send('two');
      isInside = false;
      await done;
      expect(calls).toEqual([false, false]);
    });

    test('ends when nobody listens and more comes than is kept', async ({ near, far }) => {
      for (let index = 0; index < 1100; index++) near.send('x');
      expect(await far.closed).toMatch(/nobody read/i);
      await near.closed;
    });

    test('has one listener', async ({ near }) => {
      near.onMessage(() => {});
      expect(() => near.onMessage(() => {})).toThrow(TypeError);
    });

    for (const side of ['near', 'far'] as const) {
      test(`ended at the ${side} end: what was sent before arrives, then both know why`, async (pair) => {
        const [ending, other] = side === 'near' ? [pair.near, pair.far] : [pair.far, pair.near];
        const all = collectAll(other);
        for (let index = 0; index < 100; index++) ending.send(String(index));
        ending.end('enough');
        ending.send('too late');
        const { messages, reason } = await all;
        expect(messages).toEqual(Array.from({ length: 100 }, (_, index) => String(index)));
        expect(reason).toBe('enough');
        expect(await ending.closed).toBe('enough');
      });
    }

    test('both ends ending at once is fine', async ({ near, far }) => {
      near.end('near');
      far.end('far');
      expect(['near', 'far']).toContain(await near.closed);
      expect(['near', 'far']).toContain(await far.closed);
    });

    test('disposing twice is fine, sending and ending afterwards too; a reason is never empty', async ({
      near,
      far,
    }) => {
      near[Symbol.dispose]();
      near[Symbol.dispose]();
      near.send('x');
      near.send(new ArrayBuffer(3));
      near.end('again');
      expect(await near.closed).not.toBe('');
      expect(await far.closed).not.toBe('');
      far.send('y');
      far[Symbol.dispose]();
    });

    test('ending inside the listener delivers nothing more', async ({ near, far }) => {
      const seen: LinkMessage[] = [];
      far.onMessage((message) => {
        seen.push(message);
        far.end('one is enough');
      });
      for (const text of ['a', 'b', 'c']) near.send(text);
      expect(await near.closed).toBe('one is enough');
      expect(seen).toEqual(['a']);
    });

    test('cuts a long reason to what the way carries, between characters', async ({ near, far }) => {
      far.end('😀'.repeat(500));
      const reason = await near.closed;
      expect(reason).toMatch(/^(😀)+…?$/u);
    });

    test('counts no pending bytes once all has arrived', async ({ near, far }) => {
      expect(near.pendingBytes).toBe(0);
      const received = collect(far, 1);
      near.send(new ArrayBuffer(100_000));
      expect(near.pendingBytes).toBeGreaterThanOrEqual(0);
      await received;
      const echoed = collect(near, 1);
      far.send('x');
      await echoed;
      expect(near.pendingBytes).toBe(0);
    });

    test('a peer that dies without a goodbye closes the link', async ({ near, kill }, skip) => {
      if (!kill) return skip('both ends live and die together');
      kill();
      expect(await near.closed).not.toBe('');
    });

    test('garbage closes the link with a reason, not the process', async ({ near, garbage }, skip) => {
      if (!garbage) return skip('only our own code can be on the other side');
      near.onMessage(() => {});
      garbage();
      expect(await near.closed).not.toBe('');
    });
  });
}
