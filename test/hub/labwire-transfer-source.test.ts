import { expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import type { TransferContent } from '../../src/hub/labwire/transfer-content.ts';
import { TransferBudget, TransferShelf } from '../../src/hub/labwire/transfer-shelf.ts';
import { TransferSource } from '../../src/hub/labwire/transfer-source.ts';
import { FRAME_FLAG, FRAME_TYPE, parseFrame } from '../../src/protocol/lab/labwire-frame.ts';
import { type Bench, bench, message } from './delivery-harness.ts';

/** Bytes that are all different from their neighbours. */
function contentOf(sizeBytes: number, changes: Partial<TransferContent> = {}): TransferContent {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, at) => (at * 31) % 251);
  return {
    sizeBytes,
    heldBytes: sizeBytes,
    mediaType: 'x/y',
    name: 'n',
    about: {},
    read: (offset, most) => bytes.subarray(offset, offset + most),
    ...changes,
  };
}

interface Run {
  source: TransferSource;
  faults: LabError[];
  done: number;
}

/** A transfer at work in an outbox. */
function attach({ outbox }: Bench, content: TransferContent, offset = 0): Run {
  const run: Run = {
    faults: [],
    done: 0,
    source: new TransferSource({
      key: 't',
      handle: 7,
      content,
      offset,
      onReady: () => attachment.changed(),
      onDone: () => {
        run.done++;
      },
      onFault: (error) => run.faults.push(error),
    }),
  };
  const attachment = outbox.attach(run.source);
  return run;
}

const framesOf = ({ wire }: Bench) => wire.sent.flatMap((data) => (typeof data === 'string' ? [] : [parseFrame(data)]));

/** Everything sent so far has arrived. */
function acknowledge({ outbox, wire }: Bench): void {
  outbox.ack(wire.sentBytes);
}

async function untilDone(made: Bench, run: Run): Promise<void> {
  for (let turn = 0; turn < 10_000 && !run.source.isDone; turn++) {
    acknowledge(made);
    // What is read in another turn is there after this one.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('330 a transfer stops under pressure at its byte and goes on there when it is over', async () => {
  const made = bench({ maxMessages: 100, watermarks: { low: 0.2, high: 0.5, critical: 0.95 } });
  const content = contentOf(100_000);
  const run = attach(made, content);
  const at = run.source.offset;
  expect(at).toBeGreaterThan(0);
  // The window is full of it: what is offered waits, until there is pressure.
  for (let index = 0; index < 60; index++) made.outbox.offer(message({ priority: 'HIGH', rows: 0, key: `${index}` }));
  expect(made.outbox.state).toBe('BACKPRESSURE');
  const [pieces, texts] = [framesOf(made).length, made.wire.texts.length];
  acknowledge(made);
  await untilDone(made, run);
  expect(made.outbox.state).toBe('NORMAL');
  // All that was urgent went before its next piece.
  const next = made.wire.sent.findIndex((data, index) => index >= texts && typeof data !== 'string');
  expect(made.wire.sent.slice(texts, next)).toHaveLength(60);
  const frames = framesOf(made);
  expect(frames[pieces]?.seq).toBe(at);
  expect(
    Buffer.concat(frames.map(({ payload }) => payload)).equals(Buffer.from(content.read(0, 100_000) as Uint8Array)),
  ).toBe(true);
  expect(frames.map(({ flags }) => flags & FRAME_FLAG.last).lastIndexOf(0)).toBe(frames.length - 2);
  expect(run.done).toBe(1);
  expect(frames.every(({ type, handle }) => type === FRAME_TYPE.chunk && handle === 7)).toBe(true);
});

test('nothing at all is one empty piece, the last; content that is read later comes when it is there', async () => {
  const empty = bench();
  attach(empty, contentOf(0));
  expect(framesOf(empty)).toMatchObject([{ seq: 0, rows: 0, flags: FRAME_FLAG.last }]);
  const made = bench();
  const whole = contentOf(700_000);
  const slow = contentOf(700_000, { read: async (offset, most) => whole.read(offset, most) });
  const run = attach(made, slow, 5);
  expect(framesOf(made)).toEqual([]);
  await untilDone(made, run);
  const bytes = Buffer.concat(framesOf(made).map(({ payload }) => payload));
  expect(bytes.equals(Buffer.from(whole.read(5, 700_000) as Uint8Array))).toBe(true);
});

test('content that cannot be read, or ends too early, ends the transfer with what is wrong', async () => {
  const broken = bench();
  const run = attach(broken, contentOf(10, { read: () => Promise.reject(new LabError('recording.unknown', 'gone')) }));
  await untilDone(broken, run);
  expect(run.faults).toMatchObject([{ code: 'recording.unknown' }]);
  const short = bench();
  const cut = attach(short, contentOf(10, { read: () => new Uint8Array(0) }));
  await new Promise((resolve) => setImmediate(resolve));
  expect(cut.faults).toMatchObject([{ code: 'hub.unavailable' }]);
  expect(framesOf(short)).toEqual([]);
});

test('what is kept of transfers has a limit, of each client and of all: what was sent gives way, what runs does not', () => {
  const budget = new TransferBudget(1000);
  const shelf = new TransferShelf(budget, { transfers: 2, bytes: 800 });
  shelf.put('a', contentOf(400));
  shelf.put('b', contentOf(400));
  expect(() => shelf.put('c', contentOf(1))).toThrow(expect.objectContaining({ code: 'call.limit' }));
  shelf.sent('a');
  shelf.put('c', contentOf(100));
  expect(shelf.ids).toEqual(['b', 'c']);
  const other = new TransferShelf(budget, { transfers: 2, bytes: 800 });
  expect(() => other.put('d', contentOf(600))).toThrow(expect.objectContaining({ code: 'call.limit' }));
  expect(other.ids).toEqual([]);
  shelf[Symbol.dispose]();
  expect(budget.bytes).toBe(0);
  other.put('d', contentOf(600));
  expect(budget.bytes).toBe(600);
});
