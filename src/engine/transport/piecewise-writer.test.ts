import { expect, it } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { PiecewiseWriter } from './piecewise-writer.ts';

const text = (string: string): Uint8Array => new TextEncoder().encode(string);

function create(options: { pieceBytes: number; pieceMs: number; isReady?: () => Promise<boolean>; readyMs?: number }) {
  const clock = new ManualClock();
  const sent: [number, string][] = [];
  const writer = new PiecewiseWriter({
    clock,
    resource: 'ASRL/dev/ttyS0::INSTR',
    send: async (piece) => void sent.push([clock.monotonicMs(), new TextDecoder().decode(piece)]),
    ...options,
  });
  return { clock, sent, writer };
}

it('one byte at a time, no faster than the device takes them; messages keep their order', async () => {
  const { clock, sent, writer } = create({ pieceBytes: 1, pieceMs: 4 });
  const both = Promise.all([writer.write(text('AB\n')), writer.write(text('C'))]);
  await clock.advance(100);
  await both;
  expect(sent).toEqual([
    [0, 'A'],
    [4, 'B'],
    [8, '\n'],
    [12, 'C'],
  ]);
});

it.each([
  { kind: 'plain', bytes: text('AB') },
  { kind: 'of a Buffer', bytes: Buffer.from('AB') },
])('the bytes ($kind) are those of the moment of the call', async ({ bytes }) => {
  const { clock, sent, writer } = create({ pieceBytes: 1, pieceMs: 4 });
  const writing = writer.write(bytes);
  bytes.fill(0);
  await clock.advance(100);
  await writing;
  expect(sent.map(([, piece]) => piece).join('')).toBe('AB');
});

it('while the other side holds off nothing is sent; then it goes on where it stopped', async () => {
  let ready = true;
  const { clock, sent, writer } = create({ pieceBytes: 8, pieceMs: 8, isReady: async () => ready });
  const writing = writer.write(text('MEAS:VOLT:DC?\n'));
  await clock.advance(4);
  ready = false;
  await clock.advance(500);
  expect(sent).toEqual([[0, 'MEAS:VOL']]);
  ready = true;
  await clock.advance(100);
  await writing;
  expect(sent.map(([, piece]) => piece)).toEqual(['MEAS:VOL', 'T:DC?\n']);
});

it('a hold-off without end is given up, in words', async () => {
  const { clock, sent, writer } = create({ pieceBytes: 8, pieceMs: 8, isReady: async () => false, readyMs: 1000 });
  const writing = expect(writer.write(text('*IDN?\n'))).rejects.toMatchObject({
    code: 'transport.timeout',
    message: expect.stringMatching(/held off.*1 s.*no flow control/s),
  });
  await clock.advance(2000);
  await writing;
  expect(sent).toEqual([]);
});

it('a device clear drops the rest of a message, but not the next one', async () => {
  let ready = true;
  const { clock, sent, writer } = create({ pieceBytes: 8, pieceMs: 8, isReady: async () => ready });
  const writing = expect(writer.write(text('MEAS:VOLT:DC?\n'))).rejects.toMatchObject({ code: 'call.cancelled' });
  await clock.advance(4);
  ready = false;
  await clock.advance(100);
  writer.drop();
  await writing;
  ready = true;
  const next = writer.write(text('OUTP OFF\n'));
  await clock.advance(100);
  await next;
  expect(sent.map(([, piece]) => piece)).toEqual(['MEAS:VOL', 'OUTP OFF', '\n']);
});

it('closed, it sends nothing more', async () => {
  const { clock, sent, writer } = create({ pieceBytes: 1, pieceMs: 4 });
  const writing = expect(writer.write(text('ABC'))).rejects.toMatchObject({ code: 'transport.closed' });
  await clock.advance(1);
  writer[Symbol.dispose]();
  await clock.advance(100);
  await writing;
  expect(sent).toEqual([[0, 'A']]);
});
