import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { looksLikeIdentity } from '../../protocol/idn.ts';
import { openSession } from '../session/open-session.ts';
import { timeLimit } from '../time-limit.ts';
import { type FetchLxiOptions, fetchLxiIdentification } from './fetch-lxi.ts';
import type { LxiIdentification } from './lxi-xml.ts';
import { readResource } from './path-rank.ts';
import type { Sighting } from './sighting.ts';

export interface ScoutLimits {
  /** Asked at once. */
  width: number;
  timeoutMs: number;
  /** Who could not be asked is asked again after so long. */
  forgetMs: number;
  maxKept: number;
}

export const SCOUT_LIMITS: ScoutLimits = { width: 8, timeoutMs: 1500, forgetMs: 60_000, maxKept: 4096 };

export interface ScoutParts {
  clock: Clock;
  signal: AbortSignal;
  /** An attached instrument is at that host: its wire is not for us. */
  isInUse(host: string): boolean;
  learned(resource: string, answer: Answer): void;
  limits?: Partial<ScoutLimits>;
  fetchLxi?: (host: string, options: FetchLxiOptions) => Promise<LxiIdentification | undefined>;
}

/** What asking gave: who it is, or why that is not known. */
export type Answer = { idn: string } | { reason: string };

/**
 * Learns who is behind a way in the local network that somebody announced, or a person asked for: first by the LXI identification of its host, which says nothing to the
 * instrument, else by `*IDN?`. Bounded: so many at once, each for so long; each way is asked once.
 */
export class IdentityScout {
  readonly #parts: ScoutParts;
  readonly #limits: ScoutLimits;
  readonly #asked = new Map<string, number>();
  readonly #hosts = new Map<string, { atMs: number; answer: Promise<LxiIdentification | undefined> }>();
  readonly #waiting: Sighting[] = [];
  #active = 0;
  #idle: (() => void)[] = [];

  constructor(parts: ScoutParts) {
    this.#parts = parts;
    this.#limits = { ...SCOUT_LIMITS, ...parts.limits };
  }

  /** Whether it asks somebody at present. */
  get isBusy(): boolean {
    return this.#active > 0 || this.#waiting.length > 0;
  }

  /** Resolves when nobody is being asked. */
  idle(): Promise<void> {
    if (!this.isBusy) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Asks, unless it was asked lately or may not be. */
  consider(sighting: Sighting): void {
    const { resource, idn, mayAsk, state } = sighting;
    if (idn !== null || !mayAsk || state === 'unusable') return;
    const nowMs = this.#parts.clock.monotonicMs();
    const askedMs = this.#asked.get(resource);
    if (askedMs !== undefined && nowMs - askedMs < this.#limits.forgetMs) return;
    if (this.#waiting.length >= this.#limits.maxKept) return;
    if (this.#asked.size >= this.#limits.maxKept) this.#asked.clear();
    this.#asked.set(resource, nowMs);
    this.#waiting.push(sighting);
    this.#next();
  }

  #next(): void {
    while (this.#active < this.#limits.width) {
      const sighting = this.#waiting.shift();
      if (!sighting) break;
      this.#active++;
      void this.#ask(sighting)
        .then((answer) => answer && this.#parts.learned(sighting.resource, answer))
        .finally(() => {
          this.#active--;
          this.#next();
        });
    }
    if (this.isBusy) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #ask({ resource, httpPort }: Sighting): Promise<Answer | undefined> {
    const parsed = readResource(resource);
    if (!parsed || !('host' in parsed) || this.#parts.signal.aborted) return undefined;
    const { host } = parsed;
    // A gateway's page says who the gateway is, not who is behind it.
    const isGateway = parsed.kind === 'vxi11' && !/^inst\d*$/i.test(parsed.device);
    const lxi = isGateway ? undefined : await this.#lxiOf(host, httpPort);
    if (lxi)
      return {
        idn: [lxi.maker, lxi.model, lxi.serial, lxi.firmware].map((part) => part.replaceAll(',', ' ')).join(','),
      };
    if (this.#parts.isInUse(host)) return { reason: 'not asked who it is: an instrument at this address is attached' };
    return this.#idnOf(resource);
  }

  #lxiOf(host: string, port: number | undefined): Promise<LxiIdentification | undefined> {
    const { clock, signal, fetchLxi = fetchLxiIdentification } = this.#parts;
    // Several devices on one machine are several instruments; its web page is none of theirs.
    if (isLoopback(host) && port === undefined) return Promise.resolve(undefined);
    const key = `${host}:${port ?? 80}`;
    const known = this.#hosts.get(key);
    if (known && clock.monotonicMs() - known.atMs < this.#limits.forgetMs) return known.answer;
    const { timeoutMs } = this.#limits;
    const answer = fetchLxi(host, { port, timeoutMs, signal }).catch(() => undefined);
    if (this.#hosts.size >= this.#limits.maxKept) this.#hosts.clear();
    this.#hosts.set(key, { atMs: clock.monotonicMs(), answer });
    return answer;
  }

  async #idnOf(resource: string): Promise<Answer> {
    const { clock, signal } = this.#parts;
    const { timeoutMs } = this.#limits;
    using limit = timeLimit(timeoutMs * 2, signal);
    const bound = limit.signal;
    try {
      await using session = await openSession({ resource, clock, signal: bound, limits: { timeoutMs } });
      const reply = await session.query('*IDN?', { timeoutMs, signal: bound, priority: 'background' });
      if (looksLikeIdentity(reply)) return { idn: reply.trim() };
      return { reason: 'it answers *IDN? with something that is no identity' };
    } catch (error) {
      const { code } = LabError.from(error);
      if (code === 'resource.unsupported') return { reason: 'not asked who it is: this way cannot be opened here' };
      return { reason: code === 'transport.refused' ? 'it refuses the connection' : 'it does not answer *IDN?' };
    }
  }
}

function isLoopback(host: string): boolean {
  return /^(127\.|localhost$|\[::1\]$)/.test(host);
}
