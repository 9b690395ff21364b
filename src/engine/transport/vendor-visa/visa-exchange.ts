import type { VisaDesk } from './visa-desk.ts';
import { VisaFailure } from './visa-failure.ts';
import type { VisaAnswer, VisaWrite } from './visa-messages.ts';

type Say = (answer: VisaAnswer) => void;

/** An instrument that answers sooner has its answer told together with the message being taken; a later one costs a message more. */
const TELL_MS = 5;

/** A write and the read of its answer. */
export interface VisaExchange {
  id: number;
  write: VisaWrite;
  answer: NonNullable<VisaWrite['answer']>;
}

/**
 * A message and the read of its answer, asked for in one request. Each is answered as if asked alone, but the read of a message that was refused is
 * not.
 *
 *     writing ──taken──▶ reading ──▶ both told in one; after TELL_MS the write, then the read when it ends
 *        │ └───stop──▶ the read is told at once as stopped, the write when it ends
 *        └──refused──▶ the write is told as failed
 */
export async function carryOutExchange(desk: VisaDesk, { id, write, answer }: VisaExchange, say: Say): Promise<void> {
  let isStopped = false;
  try {
    const session = desk.session(write.session);
    session.onStop = () => {
      isStopped = true;
      session.onStop = undefined;
      say({ kind: 'done', id: answer.id, value: { ended: 'stopped' } });
    };
    await session.write(write).finally(() => {
      session.onStop = undefined;
    });
  } catch (error) {
    say(failedAnswer(id, error));
    return;
  }
  let isTold = false;
  const tellWritten = (): void => {
    if (!isTold) say({ kind: 'done', id, value: {} });
    isTold = true;
  };
  if (isStopped) return tellWritten();
  const timer = setTimeout(tellWritten, TELL_MS);
  try {
    const value = await desk.session(write.session).read(answer);
    say(isTold ? { kind: 'done', id: answer.id, value } : { kind: 'done', id: answer.id, value, written: id });
  } catch (error) {
    tellWritten();
    say(failedAnswer(answer.id, error));
  } finally {
    clearTimeout(timer);
  }
}

/** What a request is answered that failed. */
export function failedAnswer(id: number, error: unknown): VisaAnswer {
  const text = error instanceof Error ? error.message : String(error);
  const status = error instanceof VisaFailure ? error.status : undefined;
  return { kind: 'failed', id, text, ...(status === undefined ? {} : { status }) };
}
