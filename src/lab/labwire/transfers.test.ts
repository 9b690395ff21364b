import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { FRAME_FLAG, FRAME_TYPE } from '../../protocol/lab/labwire-frame.ts';
import type { LabwireMessage } from '../../protocol/lab/labwire-messages.ts';
import { PendingRequests } from './pending-requests.ts';
import { type Transferred, Transfers } from './transfers.ts';

const WHOLE = Uint8Array.from({ length: 100 }, (_, index) => index);
/** Longer than any question about a transfer waits; ms. */
const LONG_MS = 60_000;
const CLOSED = new LabError('server.closed', 'The connection to the lab server is closed.');

/** Transfers over questions as a server has them; the test plays the other end. */
class Line {
  readonly clock = new ManualClock();
  readonly sent: Record<string, unknown>[] = [];
  readonly pending = new PendingRequests(this.clock, (message) => this.#send(message));
  readonly transfers = new Transfers(
    (message, asked) => this.pending.ask(message, { ...asked, isRepeatable: false }),
    (message) => this.#send(message),
  );

  /** Of one type. */
  said(type: string): Record<string, unknown>[] {
    return this.sent.filter((message) => message.type === type);
  }

  hear(message: LabwireMessage): void {
    this.transfers.heard(message);
    if ('re' in message && this.pending.answered(message.re, message)) return;
    this.transfers.unasked(message);
  }

  /** Answers the newest question for a transfer. */
  start(handle: number, offset: number): void {
    const re = String(this.said('start_transfer').at(-1)?.id);
    const about = { media_type: 'image/png', name: 'picture.png', about: {} };
    this.hear({ type: 'transfer_started', re, transfer: 't1', handle, offset, bytes: WHOLE.length, ...about });
  }

  piece(handle: number, from: number, to: number): void {
    this.transfers.chunk({
      type: FRAME_TYPE.chunk,
      flags: to === WHOLE.length ? FRAME_FLAG.last : 0,
      codec: 'raw',
      dtype: 'f32',
      handle,
      channels: 0,
      seq: from,
      t0Ns: 0n,
      dtS: 0,
      rows: to - from,
      skipped: undefined,
      payload: WHOLE.subarray(from, to),
    });
  }

  cut(): void {
    this.pending.lost();
    this.transfers.disconnected();
  }

  #send(message: Record<string, unknown>): boolean {
    this.sent.push(message);
    return true;
  }
}

/** What became of a transfer; undefined: it goes on. */
interface Fate {
  end: Transferred | LabError | undefined;
}

/** A line with a transfer of which so many bytes came before the connection was made anew, and the question that takes it up again. */
async function takeUpAgain(bytes: number): Promise<{ line: Line; fate: Fate }> {
  const line = new Line();
  const fate: Fate = { end: undefined };
  line.transfers.fetch({ what: 'screenshot' }, new AbortController().signal).then(
    (whole) => {
      fate.end = whole;
    },
    (thrown: unknown) => {
      fate.end = LabError.from(thrown);
    },
  );
  line.start(1, 0);
  await turn();
  if (bytes > 0) line.piece(1, 0, bytes);
  line.cut();
  line.transfers.again();
  expect(line.said('start_transfer').at(-1)).toMatchObject({ transfer: 't1', offset: bytes });
  return { line, fate };
}

test('a connection made anew: the transfer goes on at the byte that is missing', async () => {
  const { line, fate } = await takeUpAgain(40);
  line.start(7, 40);
  line.piece(7, 40, 100);
  await turn();
  expect(fate.end).toMatchObject({ bytes: WHOLE, mediaType: 'image/png' });
});

test('no answer to the question that takes it up again, on a connection that stands: it fails, and the server is told', async () => {
  const { line, fate } = await takeUpAgain(40);
  await line.clock.advance(LONG_MS);
  await turn();
  expect(fate.end).toMatchObject({ code: 'server.timeout' });
  expect(line.said('stop_transfer')).toMatchObject([{ transfer: 't1' }]);
  // The answer comes after all: nobody wants it any more.
  line.start(7, 40);
  expect(line.said('stop_transfer')).toHaveLength(2);
  line.piece(7, 40, 100);
  expect(line.clock.pending).toBe(0);
});

test('a connection that ends before that question is answered: the next one asks anew', async () => {
  const { line, fate } = await takeUpAgain(40);
  line.cut();
  await turn();
  expect(fate.end).toBeUndefined();
  line.transfers.again();
  line.start(8, 40);
  line.piece(8, 40, 100);
  await turn();
  expect(fate.end).toMatchObject({ bytes: WHOLE });
});

test('an answer that nobody waits for does not end a transfer that is fetched', async () => {
  const { line, fate } = await takeUpAgain(0);
  line.start(7, 0);
  // The same said once more: its question is answered already.
  line.start(8, 0);
  line.piece(8, 0, 100);
  await turn();
  expect(fate.end).toMatchObject({ bytes: WHOLE });
});

test.each([0, 40])('closed after a late answer at byte %i: whoever waits is told', async (bytes) => {
  const { line, fate } = await takeUpAgain(bytes);
  line.start(7, bytes);
  line.start(8, bytes);
  line.transfers.close(CLOSED);
  await turn();
  expect(fate.end).toMatchObject({ code: 'server.closed' });
});

test('an answer nobody asked for any more is ended at the server', async () => {
  const line = new Line();
  const fetched = line.transfers.fetch({ what: 'screenshot' }, new AbortController().signal);
  const refused = expect(fetched).rejects.toMatchObject({ code: 'server.timeout' });
  await line.clock.advance(LONG_MS);
  await refused;
  line.start(1, 0);
  expect(line.said('stop_transfer')).toMatchObject([{ transfer: 't1' }]);
});

/** What waits for a promise that is settled has its turn. */
async function turn(): Promise<void> {
  for (let count = 0; count < 20; count++) await undefined;
}
