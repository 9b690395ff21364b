import { LabError } from '../../core/errors.ts';
import { redact } from '../../core/redact.ts';
import { TAKEN_OFF, takenOffText } from '../../core/taken-off.ts';
import type { AfterEnd } from '../link-protocol.ts';
import type { Refusal } from '../ports.ts';

export interface SocketEnd {
  code: number;
  reason: string;
  refusal: Refusal | undefined;
}

/** Codes after which the same would happen again: the server found fault with what this client sent. */
const FATAL: Readonly<Record<number, string>> = {
  1002: 'a breach of the WebSocket protocol',
  1003: 'data it does not take',
  4400: 'a message it cannot read',
  4413: 'a message that is too long',
};

/** What the codes say that leave trying again open. */
const AGAIN: Readonly<Record<number, string>> = {
  1007: 'text that is no UTF-8',
  1009: 'a message that is too long',
  1012: 'the server restarts',
  1013: 'the server is overloaded',
  4408: 'the greeting took too long',
  4429: 'too many requests',
  4500: 'a fault of the server',
  4508: 'this client was too slow',
};

/** Judges the end of a connection by its code (section 5.9), or by the HTTP answer that came instead of one. */
export function judgeEnd({ code, reason, refusal }: SocketEnd): AfterEnd {
  if (refusal) return judgeRefusal(refusal);
  const said = redact(reason).slice(0, 200);
  const saying = said === '' ? '' : `: ${said}`;
  switch (code) {
    case 1008:
    case 4401:
    case 4403:
      return { kind: 'refresh', reason: `The lab server ended the connection for want of a right (${code}${saying}).` };
    case TAKEN_OFF:
      return { kind: 'superseded', reason: said === '' ? takenOffText('Somebody') : said };
    case 4409:
      return { kind: 'superseded', reason: 'Another connection of this session took over.' };
  }
  const fatal = FATAL[code];
  if (fatal !== undefined)
    return {
      kind: 'fatal',
      error: new LabError(
        'server.refused',
        `The lab server ended the connection for ${fatal} (${code}${saying}). Nothing comes from it; its version may not fit this one. Reconnect by hand to try again.`,
        { code },
      ),
    };
  const again = AGAIN[code];
  return again === undefined
    ? { kind: 'retry' }
    : { kind: 'retry', reason: `The connection ended for ${again} (${code}${saying}).`, ...retryAfter(said) };
}

/** `retry_after=5` in the reason of a close frame. */
function retryAfter(reason: string): { retryAfterS?: number } {
  const seconds = /retry_after\s*[=:]\s*(\d+(?:\.\d+)?)/.exec(reason)?.[1];
  return seconds === undefined ? {} : { retryAfterS: Math.min(3600, Number(seconds)) };
}

function judgeRefusal({ status, headers }: Refusal): AfterEnd {
  const reason = `The lab server answered HTTP ${status} instead of opening the socket.`;
  if (status === 401 || status === 403) return { kind: 'refresh', reason };
  if (status === 404 || status === 405 || status === 426) return { kind: 'next-path' };
  const seconds = Number(headers['retry-after']);
  return { kind: 'retry', reason, ...(seconds > 0 ? { retryAfterS: Math.min(3600, seconds) } : {}) };
}
