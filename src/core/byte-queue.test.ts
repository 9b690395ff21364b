import { expect, test } from 'vitest';
import { ByteQueue } from './byte-queue.ts';
import { LabError } from './errors.ts';
import { seededRandom } from './seeded-random.ts';

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);
/** Long arrays are compared as texts: element by element takes a hundred times as long. */
const hex = (values: ArrayLike<number> | undefined): string | undefined =>
  values && Array.from(values, (value) => value.toString(16).padStart(2, '0')).join('');
const bytes = (line: string): Uint8Array => new TextEncoder().encode(line);

test('lines come out whole, one byte at a time or two in a chunk', () => {
  for (const split of [1, 3, 100]) {
    const queue = new ByteQueue();
    const lines: string[] = [];
    const all = bytes('1.5\n\n9.9E37\nlast');
    for (let at = 0; at < all.length; at += split) {
      queue.push(all.slice(at, at + split));
      for (let end = queue.indexOf(10); end >= 0; end = queue.indexOf(10)) {
        lines.push(text(queue.view(end)) ?? '?');
        queue.skip(end + 1);
      }
    }
    expect(lines).toEqual(['1.5', '', '9.9E37']);
    expect(text(queue.take(queue.length))).toBe('last');
  }
});

test('not enough is undefined and changes nothing', () => {
  const queue = new ByteQueue();
  queue.push(bytes('abc'));
  expect(queue.take(4)).toBeUndefined();
  expect(queue.view(4)).toBeUndefined();
  expect(queue.peek(3)).toBeUndefined();
  expect(queue.peek(-1)).toBeUndefined();
  expect(queue.indexOf(10)).toBe(-1);
  expect(queue.view(0)?.length).toBe(0);
  expect(text(queue.take(3))).toBe('abc');
});

test('a view inside one large chunk borrows it; a take owns its bytes', () => {
  const queue = new ByteQueue();
  const chunk = new Uint8Array(5000).fill(7);
  queue.push(chunk);
  const view = queue.view(10);
  const taken = queue.take(10);
  expect(view?.buffer).toBe(chunk.buffer);
  expect(taken?.buffer).not.toBe(chunk.buffer);
  expect(taken?.buffer.byteLength).toBe(10);
});

test('views of small chunks stay as they were while more comes', () => {
  const queue = new ByteQueue();
  queue.push(bytes('one'));
  const view = queue.view(3);
  queue.skip(3);
  for (let turn = 0; turn < 5000; turn++) {
    queue.push(bytes('xyz'));
    if (turn % 2) queue.skip(6);
  }
  expect(text(view)).toBe('one');
});

test('beyond the limit: too-long, what waited is unchanged', () => {
  const queue = new ByteQueue({ limitBytes: 8 });
  queue.push(bytes('12345'));
  let thrown: unknown;
  try {
    queue.push(bytes('6789'));
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(LabError);
  expect((thrown as LabError).code).toBe('protocol.too-long');
  expect(queue.length).toBe(5);
  expect(queue.clear()).toBe(5);
  queue.push(bytes('12345678'));
  expect(queue.length).toBe(8);
});

test('seeded: behaves as a plain array for any order of calls', () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = seededRandom(seed);
    const queue = new ByteQueue();
    let model: number[] = [];
    for (let step = 0; step < 300; step++) {
      const choice = random.below(6);
      const count = random.below(random.below(4) === 0 ? 6000 : 40);
      if (choice <= 1) {
        const chunk = Uint8Array.from({ length: count }, () => random.below(40));
        queue.push(chunk);
        model = model.concat([...chunk]);
      } else if (choice === 2) {
        expect(queue.skip(count)).toBe(Math.min(count, model.length));
        model = model.slice(count);
      } else if (choice === 3) {
        const got = queue.take(count);
        expect(hex(got)).toBe(hex(count > model.length ? undefined : model.slice(0, count)));
        if (got) model = model.slice(count);
      } else if (choice === 4) {
        const got = queue.view(count);
        expect(hex(got)).toBe(hex(count > model.length ? undefined : model.slice(0, count)));
      } else {
        expect(queue.peek(count)).toBe(model[count]);
        const byte = random.below(45);
        const from = random.below(3) === 0 ? random.below(50) : 0;
        expect(queue.indexOf(byte, from)).toBe(model.indexOf(byte, from));
      }
      expect(queue.length).toBe(model.length);
    }
  }
});

test('every byte is searched once: 100 MB without a terminator in small chunks', () => {
  let searched = 0;
  class Counted extends Uint8Array {
    override indexOf(value: number, from = 0): number {
      searched += this.length - from;
      return super.indexOf(value, from);
    }
  }
  const queue = new ByteQueue();
  const chunk = new Counted(4096).fill(65);
  for (let count = 0; count < 25_600; count++) {
    queue.push(chunk);
    if (queue.indexOf(10) !== -1) throw new Error('found what is not there');
  }
  expect(queue.length).toBe(104_857_600);
  expect(searched).toBe(104_857_600);
  expect(queue.clear()).toBe(104_857_600);
});
