import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { LabError } from '../../core/errors.ts';
import { ReadBuffer } from './read-buffer.ts';

const heard = ({ signal }: AbortController): number => getEventListeners(signal, 'abort').length;
const push = (buffer: ReadBuffer): void => buffer.push(Uint8Array.of(1));

it('who reads on with one signal is heard by one listener', async () => {
  const buffer = new ReadBuffer();
  const controller = new AbortController();
  for (let count = 0; count < 20; count++) {
    const reading = buffer.read({ signal: controller.signal });
    expect(heard(controller)).toBe(1);
    push(buffer);
    await reading;
  }
  const reading = buffer.read({ signal: controller.signal });
  controller.abort();
  await expect(reading).rejects.toMatchObject({ code: 'call.cancelled' });
  expect(heard(controller)).toBe(0);
});

it('a signal of an earlier read ends none that came without it', async () => {
  const buffer = new ReadBuffer();
  const [first, second] = [new AbortController(), new AbortController()];
  push(buffer);
  await buffer.read({ signal: first.signal });
  const plain = buffer.read();
  first.abort();
  push(buffer);
  expect((await plain).bytes).toEqual(Uint8Array.of(1));
  const other = buffer.read({ signal: second.signal });
  expect([heard(first), heard(second)]).toEqual([0, 1]);
  buffer.end(new LabError('transport.closed', 'over'));
  await expect(other).rejects.toMatchObject({ code: 'transport.closed' });
  expect(heard(second)).toBe(0);
});
