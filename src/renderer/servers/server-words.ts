import type { ServerFinding, ServerState } from '../../contract/server-schema.ts';
import { type LinkTone, linkBadge } from '../../core/link-word.ts';
import { msOf } from '../text-format.ts';

/** Colours of the app for the tones of a link. */
const TONES: Record<LinkTone, string> = { grey: 'idle', green: 'ok', blue: 'info', amber: 'warn', red: 'bad' };

/** Badge of a server: text, tone, and whether it counts down. `nowMs`: of the screen's clock. */
export function serverBadge(server: ServerState, nowMs: number): { text: string; tone: string; counts: boolean } {
  const { retryNs } = server.link;
  const inS = retryNs === null ? undefined : secondsUntil(retryNs, nowMs);
  const { text, tone } = linkBadge(server.link, inS);
  return { text, tone: TONES[tone], counts: retryNs !== null };
}

function secondsUntil(timeNs: string, nowMs: number): number {
  return Math.max(0, Math.ceil((msOf(timeNs) - nowMs) / 1000));
}

/** Worst first, for the one badge of several servers. */
const ORDER = ['bad', 'warn', 'info', 'idle', 'ok'];

export function worstServer(servers: readonly ServerState[], nowMs: number): ServerState | undefined {
  return [...servers].sort(
    (a, b) => ORDER.indexOf(serverBadge(a, nowMs).tone) - ORDER.indexOf(serverBadge(b, nowMs).tone),
  )[0];
}

export const DIALECT_WORDS: Record<NonNullable<ServerState['dialect']>, string> = {
  lablink: 'LabLink',
  'lablink-enhanced': 'LabLink, enhanced socket',
  'power-meter': 'power meter',
  neurograph: 'NeuroGraph',
  vital: 'VITAL',
  'labwire.1': 'Labwire',
};

export const FINDING_WORDS: Record<ServerFinding['state'], string> = {
  works: 'works',
  partly: 'partly',
  broken: 'broken',
  absent: 'not there',
};

/** `+12.3 ms ± 0.4 ms`; `unknown`. */
export function clockText({ offsetS, uncertaintyS, base }: ServerState['clock']): string {
  if (base === 'none' || offsetS === null) return 'unknown';
  if (base === 'monotonic') return `counts from its own start; mapped ± ${seconds(uncertaintyS)}`;
  return `${offsetS < 0 ? '−' : '+'}${seconds(Math.abs(offsetS))} ± ${seconds(uncertaintyS)}`;
}

function seconds(value: number | null): string {
  if (value === null) return '?';
  return value < 1 ? `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms` : `${value.toFixed(value < 100 ? 1 : 0)} s`;
}

/** `saved 69 %`; '' where nothing was compressed. */
export function savingText({ wireBytes, bytes }: ServerState['traffic']): string {
  if (bytes <= wireBytes || bytes === 0) return '';
  return `saved ${Math.round((1 - wireBytes / bytes) * 100)} %`;
}

/** What the word of a link does not say: `next try in 4 s`, `polling 1 s (2 of 3 streams)`; '' where the word says all. */
export function stateNote(server: ServerState, nowMs: number): string {
  const { word, retryNs, streams } = server.link;
  const inS = retryNs === null ? '' : ` in ${secondsUntil(retryNs, nowMs)} s`;
  switch (word) {
    case 'idle':
    case 'disconnected':
    case 'degraded':
      return serverBadge(server, nowMs).text;
    case 'connected':
      return streams > 0 ? '' : 'no stream wanted yet';
    case 'reconnecting':
      return inS === '' ? 'trying now' : `next try${inS}`;
    case 'suspended':
      return `offline, retrying${inS}`;
    case 'connecting':
    case 'handshaking':
    case 'failed':
      return '';
  }
}

/** How the streams that are wanted come now. */
export function streamsText({ word, streams, polled }: ServerState['link']): string {
  if (streams === 0) return 'none wanted';
  if (polled === 0 && word !== 'connected' && word !== 'degraded') return `${streams} wanted, none comes`;
  if (word !== 'connected' && word !== 'degraded') return `${streams} wanted, ${polled} polled`;
  return polled === 0 ? `${streams} live` : `${streams - polled} live, ${polled} polled`;
}

/** `3 of 4`: so many are as the badge says; `4 servers`: all; '' for one server. */
export function howMany(servers: readonly ServerState[], tone: string, nowMs: number): string {
  if (servers.length < 2) return '';
  const same = servers.filter((one) => serverBadge(one, nowMs).tone === tone).length;
  return same === servers.length ? `${servers.length} servers` : `${same} of ${servers.length}`;
}

/** `3 broken, 5 partly, 2 not there`. */
export function findingsText(findings: readonly ServerFinding[]): string {
  const states = ['broken', 'partly', 'absent', 'works'] as const;
  return states
    .flatMap((state) => {
      const count = findings.filter((one) => one.state === state).length;
      return count === 0 ? [] : [`${count} ${FINDING_WORDS[state]}`];
    })
    .join(', ');
}
