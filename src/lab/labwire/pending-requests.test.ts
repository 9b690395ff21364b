import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { PendingRequests } from './pending-requests.ts';

function open(limit?: number): {
  clock: ManualClock;
  sent: Record<string, unknown>[];
  pending: PendingRequests;
  line: { isUp: boolean };
} {
  const clock = new ManualClock();
  const sent: Record<string, unknown>[] = [];
  const line = { isUp: true };
  const pending = new PendingRequests(
    clock,
    (message) => {
      if (line.isUp) sent.push(message);
      return line.isUp;
    },
    limit,
  );
  return { clock, sent, pending, line };
}

const ONCE = { timeoutMs: 1000, isRepeatable: false };
const AGAIN = { timeoutMs: 1000, isRepeatable: true };
const answer = { type: 'command_result', success: true } as const;

test('each answer goes to its question; one nobody asked for is told so', async () => {
  const { pending, sent } = open();
  const first = pending.ask({ type: 'a' }, ONCE);
  const second = pending.ask({ type: 'b' }, ONCE);
  expect(pending.answered(String(sent[1]?.id), { ...answer, error: 'second' })).toBe(true);
  expect(pending.answered(String(sent[0]?.id), { ...answer, error: 'first' })).toBe(true);
  expect(pending.answered('r99', answer)).toBe(false);
  expect(pending.answered(undefined, answer)).toBe(false);
  expect([await first, await second]).toMatchObject([{ error: 'first' }, { error: 'second' }]);
});

test('what may be repeated waits for the next connection with what is left of its time; the rest is given up', async () => {
  const { pending, sent, clock, line } = open();
  const once = pending.ask({ type: 'history' }, ONCE).catch(LabError.from);
  const again = pending.ask({ type: 'command', deadline_ms: 1000 }, AGAIN);
  pending.lost();
  expect(await once).toMatchObject({ code: 'server.timeout', message: expect.stringContaining('not known') });
  await clock.advance(400);
  pending.again();
  expect(sent.at(-1)).toMatchObject({ type: 'command', deadline_ms: 600 });
  pending.answered(String(sent.at(-1)?.id), answer);
  expect(await again).toMatchObject({ success: true });
  line.isUp = false;
  expect(await pending.ask({ type: 'x' }, ONCE).catch(LabError.from)).toMatchObject({ code: 'server.closed' });
  expect(clock.pending).toBe(0);
});

test('no more than the limit wait, none longer than its time, and none after the end', async () => {
  const { pending, clock } = open(2);
  const waiting = [1, 2].map(() => pending.ask({ type: 'x' }, AGAIN).catch(LabError.from));
  expect(await pending.ask({ type: 'x' }, AGAIN).catch(LabError.from)).toMatchObject({ code: 'server.busy' });
  await clock.advance(1000);
  expect(await Promise.all(waiting)).toMatchObject([{ code: 'server.timeout' }, { code: 'server.timeout' }]);
  const last = pending.ask({ type: 'x' }, AGAIN).catch(LabError.from);
  pending.close(new LabError('server.closed', 'Closed.'));
  expect(await last).toMatchObject({ code: 'server.closed' });
  expect(clock.pending).toBe(0);
});
