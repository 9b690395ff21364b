import type { ServerFinding, ServerState } from '../../contract/server-schema.ts';
import { type LinkTone, linkBadge } from '../../core/link-word.ts';

/** Colours of the app for the tones of a link. */
const TONES: Record<LinkTone, string> = { grey: 'idle', green: 'ok', blue: 'info', amber: 'warn', red: 'bad' };

/** Badge of a server: text, tone, and whether it counts down. `nowMs`: of the screen's clock. */
export function serverBadge(server: ServerState, nowMs: number): { text: string; tone: string; counts: boolean } {
  const { retryNs } = server.link;
  const inS =
    retryNs === null ? undefined : Math.max(0, Math.ceil((Number(BigInt(retryNs) / 1_000_000n) - nowMs) / 1000));
  const { text, tone } = linkBadge(server.link, inS);
  return { text, tone: TONES[tone], counts: retryNs !== null };
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
