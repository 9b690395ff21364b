import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { HubQuestions } from './hub-questions.ts';

const never = new AbortController().signal;

test('each is answered under its number, in any order; what is asked no more is ignored', async () => {
  const clock = new ManualClock();
  const questions = new HubQuestions(clock);
  const sent: number[] = [];
  const first = questions.ask('share.users', never, (ask) => sent.push(ask));
  const second = questions.ask('share.tokens', never, (ask) => sent.push(ask));
  questions.answer(99, { output: 0 });
  questions.answer(sent[1] ?? 0, { output: 'b' });
  questions.answer(sent[0] ?? 0, new LabError('hub.forbidden', 'no'));
  questions.answer(sent[0] ?? 0, { output: 'late' });
  expect(await second).toBe('b');
  await expect(first).rejects.toMatchObject({ code: 'hub.forbidden' });
  expect(clock.pending).toBe(0);
});

test('a hub that says nothing for 10 s is gone; a screen that gives up waits no longer', async () => {
  const clock = new ManualClock();
  const questions = new HubQuestions(clock);
  const silent = questions.ask('share.users', never, () => {}).catch((error: unknown) => LabError.from(error).code);
  const abort = new AbortController();
  const dropped = questions.ask('share.users', abort.signal, () => {}).catch((error: unknown) => error);
  abort.abort('gone');
  expect(await dropped).toBe('gone');
  await clock.advance(9_999);
  expect(clock.pending).toBe(1);
  await clock.advance(1);
  expect(await silent).toBe('share.gone');
  expect(clock.pending).toBe(0);
});

test('so many at once and no more; all end with the hub', async () => {
  const questions = new HubQuestions(new ManualClock(), { most: 2 });
  const ask = () => questions.ask('share.users', never, () => {}).catch((error: unknown) => LabError.from(error).code);
  const open = [ask(), ask()];
  expect(await ask()).toBe('call.limit');
  questions.end(new LabError('share.gone', 'ended'));
  expect(await Promise.all(open)).toEqual(['share.gone', 'share.gone']);
  const next = ask();
  questions.end(new LabError('share.gone', 'ended'));
  expect(await next).toBe('share.gone');
});
