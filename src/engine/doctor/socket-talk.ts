import { once } from 'node:events';
import net from 'node:net';
import { decodeLatin1 } from '../../protocol/scpi-line.ts';
import { timeLimit } from '../time-limit.ts';

const MAX_BYTES = 4096;

/** What a socket says by itself, and what it says to a question. */
export interface Talk {
  greeting: string;
  answer: string;
  /** It hung up. */
  hasEnded: boolean;
}

/** Listens, asks once, listens again; at most 4 KiB each. Rejects when it cannot connect. */
export async function talk(
  at: { host: string; port: number },
  question: string,
  times: { greetingMs: number; answerMs: number },
  signal: AbortSignal,
): Promise<Talk> {
  const socket = net.connect({ host: at.host.replace(/^\[(.*)\]$/, '$1'), port: at.port });
  socket.on('error', () => undefined);
  try {
    using limit = timeLimit(times.answerMs, signal);
    await once(socket, 'connect', { signal: limit.signal });
    const greeting = await listen(socket, times.greetingMs, signal);
    if (socket.destroyed || socket.readableEnded) return { greeting, answer: '', hasEnded: true };
    socket.write(question);
    const answer = await listen(socket, times.answerMs, signal, '\n');
    return { greeting, answer, hasEnded: socket.destroyed || socket.readableEnded };
  } finally {
    socket.destroy();
  }
}

/** What comes until silence, an end, the limit or the character. */
function listen(socket: net.Socket, ms: number, signal: AbortSignal, until?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (): void => {
      clearTimeout(timer);
      socket.off('data', take).off('close', end).off('end', end);
      signal.removeEventListener('abort', cancel);
      resolve(decodeLatin1(Buffer.concat(chunks)));
    };
    const cancel = (): void => {
      end();
      reject(signal.reason);
    };
    const take = (chunk: Buffer): void => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_BYTES || (until && chunk.includes(until))) end();
    };
    const timer = setTimeout(end, ms);
    socket.on('data', take).once('close', end).once('end', end);
    signal.addEventListener('abort', cancel, { once: true });
  });
}
