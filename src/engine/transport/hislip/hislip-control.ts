import { LabError } from '../../../core/errors.ts';
import { HISLIP, HISLIP_TEXT_BYTES, LOCK, LOCK_RESPONSE } from '../../../protocol/hislip.ts';
import { type LockOptions, REMOTE_MODES, type TransportControl } from '../transport.ts';
import type { AsyncCalls } from './async-calls.ts';

/** What the controls need of the transport. */
export interface HislipControlParts {
  resource: string;
  calls: AsyncCalls;
  listeners: Set<(statusByte: number) => void>;
  answerTimeoutMs: number;
  /** MessageID of the last message sent. */
  lastId(): number;
  clear(signal: AbortSignal | undefined): Promise<void>;
  trigger(signal: AbortSignal | undefined): Promise<void>;
  /** Runs a status query with the MessageID and control code due now. */
  statusQuery(query: (id: number, control: number) => Promise<number>): Promise<number>;
}

/** The asynchronous transactions of IVI-6.1 section 6 as controls of a transport. */
export function createHislipControl(parts: HislipControlParts): TransportControl {
  const { calls, listeners, answerTimeoutMs } = parts;
  return {
    clear: (signal) => parts.clear(signal),
    trigger: (signal) => parts.trigger(signal),
    /** 6.14: the answer is the control code; it re-arms the service request (6.13). */
    statusByte: (signal) =>
      parts.statusQuery(async (parameter, control) => {
        const { asyncStatusQuery: type, asyncStatusResponse: answer } = HISLIP;
        const call = { type, answer, control, parameter, what: 'a status query', timeoutMs: answerTimeoutMs, signal };
        return (await calls.call(call)).header.control;
      }),
    /** 6.13: they come without being enabled here; what the instrument requests service for is its own business (*SRE). */
    async onServiceRequest(listener) {
      const own = (statusByte: number): void => listener(statusByte);
      listeners.add(own);
      return {
        async [Symbol.asyncDispose]() {
          listeners.delete(own);
        },
      };
    },
    lock: (options) => lock(parts, options),
    unlock: (signal) => unlock(parts, signal),
    /** 6.7: in order with what was sent before, by the MessageID. */
    async remoteLocal(mode, signal) {
      await calls.call({
        type: HISLIP.asyncRemoteLocalControl,
        answer: HISLIP.asyncRemoteLocalResponse,
        control: REMOTE_MODES.indexOf(mode),
        parameter: parts.lastId(),
        what: 'a remote/local request',
        timeoutMs: answerTimeoutMs,
        signal,
      });
    },
  };
}

/** 6.5. An empty key is the exclusive lock. */
async function lock(parts: HislipControlParts, { timeoutMs, sharedKey = '', signal }: LockOptions): Promise<void> {
  const { resource, calls, answerTimeoutMs } = parts;
  const payload = new TextEncoder().encode(sharedKey);
  if (payload.length > HISLIP_TEXT_BYTES) {
    throw new LabError('call.invalid', `A lock key has at most ${HISLIP_TEXT_BYTES} bytes. Nothing was locked.`, {
      resource,
    });
  }
  const waitMs = Math.min(0xffff_ffff, Math.max(0, Math.round(timeoutMs)));
  const answer = await calls.call({
    type: HISLIP.asyncLock,
    answer: HISLIP.asyncLockResponse,
    isAlone: true,
    control: LOCK.request,
    parameter: waitMs,
    payload,
    what: 'a lock request',
    // A timer takes 31 bits.
    timeoutMs: Math.min(0x7fff_ffff, waitMs + answerTimeoutMs),
    signal,
    // Granted to somebody who no longer waits: others must not wait for that one.
    onLate: ({ header }) =>
      header.control === LOCK_RESPONSE.success ? unlock(parts, undefined).catch(() => {}) : undefined,
  });
  if (answer.header.control === LOCK_RESPONSE.success) return;
  if (answer.header.control === LOCK_RESPONSE.failure) throw await lockedByOther(parts, waitMs);
  const text = `${resource} refused the lock: this connection holds it already, or the request was invalid. Nothing changed.`;
  throw new LabError('call.invalid', text, { resource });
}

async function lockedByOther(
  { resource, calls, answerTimeoutMs }: HislipControlParts,
  waitMs: number,
): Promise<LabError> {
  const { asyncLockInfo: type, asyncLockInfoResponse: answer } = HISLIP;
  const info = await calls
    .call({ type, answer, what: 'who holds the lock', timeoutMs: answerTimeoutMs })
    .catch(() => undefined);
  const holders = info?.header.parameter;
  const who =
    holders === undefined
      ? 'Another client holds it'
      : `${holders} client${holders === 1 ? ' holds' : 's hold'} it${info?.header.control === 1 ? ', exclusively' : ''}`;
  const text = `${resource} was not locked within ${waitMs} ms. ${who}. Nothing was sent; close the other program or wait longer.`;
  return new LabError('transport.busy', text, { resource, ...(holders === undefined ? {} : { holders }) });
}

/** 6.5: released when everything sent before is done. */
async function unlock(
  { resource, calls, answerTimeoutMs, lastId }: HislipControlParts,
  signal: AbortSignal | undefined,
): Promise<void> {
  const answer = await calls.call({
    type: HISLIP.asyncLock,
    answer: HISLIP.asyncLockResponse,
    isAlone: true,
    control: LOCK.release,
    parameter: lastId(),
    what: 'the release of a lock',
    timeoutMs: answerTimeoutMs,
    signal,
  });
  if (answer.header.control === LOCK_RESPONSE.success || answer.header.control === LOCK_RESPONSE.sharedReleased) return;
  throw new LabError('call.invalid', `${resource} says that this connection holds no lock. Nothing was released.`, {
    resource,
  });
}
