import { expect, it } from 'vitest';
import { SocketIntake } from './socket-intake.ts';

/** What the system does: fills the space there is and says how far. */
function fill({ onread }: SocketIntake, bytes: Uint8Array): void {
  const space = typeof onread.buffer === 'function' ? onread.buffer() : onread.buffer;
  space.set(bytes);
  expect(onread.callback(bytes.length, space), 'goes on reading').toBe(true);
}

it('bytes that wait are not overwritten by what comes after them, whatever their size', async () => {
  const intake = new SocketIntake({ onFull: () => {}, onSpace: () => {} });
  const chunks = [10, 3000, 32 * 1024 - 1, 32 * 1024, 64 * 1024, 5, 64 * 1024].map((size, index) =>
    Buffer.alloc(size, index + 1),
  );
  for (const chunk of chunks) fill(intake, chunk);
  const { bytes } = await intake.buffer.read();
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
});

it('bytes given to a read that waited stay as they are until the next read', async () => {
  const intake = new SocketIntake({ onFull: () => {}, onSpace: () => {} });
  const reading = intake.buffer.read();
  fill(intake, Buffer.from('first'));
  const { bytes } = await reading;
  fill(intake, Buffer.from('later'));
  expect(Buffer.from(bytes).toString()).toBe('first');
});
