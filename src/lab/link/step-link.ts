import { LabError } from '../../core/errors.ts';
import type { AfterEnd } from '../link-protocol.ts';
import type { LinkEvent, LinkMachine, LinkTimer, Parting, StepAt, StreamSummary } from './link-machine.ts';
import { hasSocket } from './link-machine.ts';
import type { LinkRules } from './link-rules.ts';
import { backOffMs } from './link-rules.ts';

const LEAVE: Parting = { how: 'close', code: 1000, reason: '' };
const CUT: Parting = { how: 'cut', code: 1006, reason: '' };
const NO_GREETING: Parting = { how: 'close', code: 4408, reason: 'no greeting' };

/** One step. What does not fit the phase changes nothing: then the same object comes back. */
export function stepLink(link: LinkMachine, event: LinkEvent, rules: LinkRules, at: StepAt): LinkMachine {
  if ('connection' in event && (event.connection !== link.connection || !hasSocket(link))) return link;
  switch (event.kind) {
    case 'opened':
      if (link.phase !== 'connecting') return link;
      if (rules.handshakeMs === 0) return ready(link, rules, at);
      return { ...link, phase: 'handshaking', dueMs: { exit: at.nowMs + rules.handshakeMs } };
    case 'ready':
      return link.phase === 'ready' ? link : ready(link, rules, at);
    case 'data':
      return link.hasData ? link : settled({ ...link, hasData: true });
    case 'announced':
      return { ...link, retryAfterS: event.retryAfterS ?? link.retryAfterS, reason: event.reason };
    case 'ended':
      return ended(link, event.after, rules, at);
    case 'lost':
      return again({ ...link, parting: CUT }, event.reason, link.retryAfterS, rules, at);
    case 'fatal':
      return failed(link, event.error);
    case 'superseded':
      return stopped(link, 'disconnected', event.reason);
    case 'due':
      return due(link, event.timer, rules, at);
    case 'listening':
      return link.phase === 'waiting' && at.nowMs >= link.notBeforeMs ? connect(link, rules, at) : link;
    case 'wake':
      return link.phase === 'waiting' ? connect(link, rules, at) : link;
    case 'refreshed':
      return link.phase === 'refreshing' ? connect(link, rules, at) : link;
    case 'refresh-failed':
      if (link.phase !== 'refreshing') return link;
      // Only a login that ended is final; a server that cannot be asked may be asked later.
      if (isLoginOver(event.error)) return failed(link, event.error);
      return again({ ...link, hasRefreshed: false }, event.error.message, undefined, rules, at);
    case 'renew':
      if (link.phase !== 'ready' || link.dueMs.renew !== undefined) return link;
      return renewed({ ...link, reason: event.reason }, rules, at);
    case 'reconnect':
      return link.phase === 'off' ? link : connect(afresh(link), rules, at);
    case 'disconnect':
      return link.phase === 'disconnected' ? link : stopped(link, 'disconnected', event.reason);
    case 'socket':
      if (event.on === link.wantsSocket) return link;
      // Idle and disconnected only remember it.
      if (link.phase === 'disconnected' || link.phase === 'idle') return { ...link, wantsSocket: event.on };
      return connect({ ...afresh(link), wantsSocket: event.on }, rules, at);
    case 'streams':
      return sameSummary(link.summary, event.summary) ? link : settled({ ...link, summary: event.summary });
  }
}

function connect(link: LinkMachine, rules: LinkRules, { nowMs }: StepAt): LinkMachine {
  if (!link.wantsSocket) return stopped(link, 'off', 'The WebSocket is switched off; rows are asked for one by one.');
  return {
    ...link,
    phase: 'connecting',
    connection: link.connection + 1,
    isSteady: false,
    hasData: false,
    retryAfterS: undefined,
    dueMs: { exit: nowMs + rules.openMs },
    parting: LEAVE,
  };
}

function ready(link: LinkMachine, rules: LinkRules, { nowMs }: StepAt): LinkMachine {
  return {
    ...link,
    phase: 'ready',
    failures: 0,
    paths: 0,
    readyMs: nowMs,
    dueMs: { steady: nowMs + rules.steadyMs },
    reason: '',
    error: undefined,
  };
}

/** Forgets the tries once the connection has shown itself good: steady, and rows came if any are wanted. */
function settled(link: LinkMachine): LinkMachine {
  const isGood = link.phase === 'ready' && link.isSteady && (link.hasData || link.summary.streams === 0);
  return isGood && link.attempt !== 0 ? { ...link, attempt: 0 } : link;
}

function ended(link: LinkMachine, after: AfterEnd, rules: LinkRules, at: StepAt): LinkMachine {
  switch (after.kind) {
    case 'retry':
      return again(link, reasonOf(link, after.reason), after.retryAfterS ?? link.retryAfterS, rules, at);
    case 'refresh':
      if (link.hasRefreshed) return failed(link, loginOver(after.reason));
      return {
        ...link,
        phase: 'refreshing',
        hasRefreshed: true,
        dueMs: { exit: at.nowMs + rules.refreshMs },
        reason: after.reason ?? '',
      };
    case 'next-path':
      if (link.paths < rules.maxPaths) return connect({ ...link, paths: link.paths + 1 }, rules, at);
      return again({ ...link, paths: 0 }, 'The server has none of the known paths.', undefined, rules, at);
    case 'superseded':
      return stopped(link, 'disconnected', after.reason);
    case 'fatal':
      return failed(link, after.error);
  }
}

/** What the server announced says more than how the connection then ended. */
function reasonOf(link: LinkMachine, reason: string | undefined): string {
  if (link.retryAfterS !== undefined && link.reason !== '') return link.reason;
  return reason ?? link.reason;
}

/** Waits for the next try. A connection that had shown itself good begins at try 1. */
function again(
  link: LinkMachine,
  reason: string,
  retryAfterS: number | undefined,
  rules: LinkRules,
  { nowMs, random }: StepAt,
): LinkMachine {
  const attempt = link.attempt + 1;
  if (!rules.autoReconnect) return { ...stopped(link, 'disconnected', reason), parting: link.parting };
  return {
    ...link,
    phase: 'waiting',
    attempt,
    failures: link.phase === 'ready' ? 0 : link.failures + 1,
    retryAfterS: undefined,
    notBeforeMs: nowMs + (retryAfterS ?? 0) * 1000,
    dueMs: { exit: nowMs + backOffMs(attempt, retryAfterS, random, rules) },
    reason,
  };
}

function due(link: LinkMachine, timer: LinkTimer, rules: LinkRules, at: StepAt): LinkMachine {
  if ((link.dueMs[timer] ?? Number.POSITIVE_INFINITY) > at.nowMs) return link;
  if (timer === 'steady') {
    const { steady: _, ...rest } = link.dueMs;
    // A token that held so long is a good one: the next refusal may refresh again.
    return settled({ ...link, isSteady: true, hasRefreshed: false, dueMs: rest });
  }
  if (timer === 'renew') return connect(link, rules, at);
  switch (link.phase) {
    case 'connecting':
      return again({ ...link, parting: CUT }, late('did not open', rules.openMs), undefined, rules, at);
    case 'handshaking':
      return again(
        { ...link, parting: NO_GREETING },
        late('gave no greeting', rules.handshakeMs),
        undefined,
        rules,
        at,
      );
    case 'refreshing':
      return again({ ...link, hasRefreshed: false }, late('gave no new token', rules.refreshMs), undefined, rules, at);
    case 'waiting':
      return connect(link, rules, at);
    default:
      return link;
  }
}

function renewed(link: LinkMachine, rules: LinkRules, at: StepAt): LinkMachine {
  const renewMs = link.readyMs + rules.renewAfterMs;
  return renewMs <= at.nowMs ? connect(link, rules, at) : { ...link, dueMs: { ...link.dueMs, renew: renewMs } };
}

function afresh(link: LinkMachine): LinkMachine {
  return { ...link, attempt: 0, failures: 0, paths: 0, hasRefreshed: false, reason: '', error: undefined };
}

function stopped(link: LinkMachine, phase: 'disconnected' | 'off', reason: string): LinkMachine {
  return { ...afresh(link), phase, dueMs: {}, parting: LEAVE, reason };
}

function failed(link: LinkMachine, error: LabError): LinkMachine {
  return { ...link, phase: 'failed', dueMs: {}, parting: LEAVE, reason: error.message, error };
}

function isLoginOver(error: LabError): boolean {
  return error.code === 'server.unauthorized' || error.code === 'server.mfa-required' || error.code === 'server.denied';
}

function loginOver(reason: string | undefined): LabError {
  const why = reason ? ` (${reason})` : '';
  return new LabError(
    'server.unauthorized',
    `The lab server refuses the connection even with a new token${why}. Nothing comes live from it; log in again.`,
  );
}

function late(what: string, ms: number): string {
  return `The server ${what} within ${ms / 1000} s.`;
}

function sameSummary(one: StreamSummary, other: StreamSummary): boolean {
  return (
    one.streams === other.streams &&
    one.polled === other.polled &&
    one.silent === other.silent &&
    one.pollS === other.pollS
  );
}
