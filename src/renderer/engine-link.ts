import type { BenchState, Pulse } from '../contract/bench-schema.ts';
import { syncBench } from '../contract/bench-sync.ts';
import { CALLS, type CallInput, type CallName, type CallOutput } from '../contract/calls.ts';
import { type CallOptions, type Client, connect, greet } from '../contract/client.ts';
import type { Link } from '../contract/link.ts';
import { LabError } from '../core/errors.ts';
import { lacksRight } from './lacks-right.ts';
import { createStore } from './store.ts';

export type LinkWord = 'connecting' | 'live' | 'reconnecting' | 'failed';

/** The link as the badge shows it. */
export interface LinkState {
  state: LinkWord;
  /** Why it is not live; '' while it is. */
  reason: string;
  code: string;
  /** Which try is next or running; 0 while live. */
  attempt: number;
  /** Date.now() of the next try; undefined while one runs. */
  retryAt: number | undefined;
  engine: CallOutput<'engine.hello'> | undefined;
  /** Newest last: what happened and when. */
  history: { at: number; text: string }[];
}

/** How to reach the engine: made by connect.ts, which alone knows the host. */
export interface LinkOpener {
  /** Opens a new link; rejects with a LabError. */
  open(signal: AbortSignal): Promise<Link>;
  /** The way, in words: `desktop`, `browser at 127.0.0.1:8080`. */
  readonly way: string;
}

const KEPT_HISTORY = 50;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/** Codes that another try cannot mend: the person must do something first. */
const HOPELESS = new Set(['link.version', 'link.malformed', 'call.denied', 'hub.unauthenticated']);

export const linkStore = createStore<LinkState>({
  state: 'connecting',
  reason: '',
  code: '',
  attempt: 1,
  retryAt: undefined,
  engine: undefined,
  history: [],
});
/** Undefined until the first read; kept (and dimmed) while the link is down. */
export const benchStore = createStore<BenchState | undefined>(undefined);
export const pulseStore = createStore<Pulse | undefined>(undefined);
/** The client of the present link; undefined while there is none. */
export const clientStore = createStore<Client | undefined>(undefined);
/** The client of the present or the last link: what was shown stays on the screen while the link is down. */
export const lastClientStore = createStore<Client | undefined>(undefined);

let retryNow: () => void = () => {};

/**
 * Keeps one link to the engine for the life of the page.
 *
 *     connecting ──hello, same version──▶ live ──link closed──▶ reconnecting ──back-off──▶ connecting …
 *        └──other version, refused──▶ failed ──retry by hand──▶ connecting
 */
export async function keepLink(opener: LinkOpener): Promise<never> {
  note(`Connecting (${opener.way})`);
  for (let attempt = 1; ; ) {
    const { error, wasLive } = await runLink(opener, attempt);
    attempt = wasLive ? 1 : attempt + 1;
    const hopeless = HOPELESS.has(error.code);
    const waitMs = hopeless ? undefined : backoffMs(attempt);
    note(error.message);
    linkStore.update((link) => ({
      ...link,
      state: hopeless ? 'failed' : 'reconnecting',
      reason: error.message,
      code: error.code,
      attempt,
      retryAt: waitMs === undefined ? undefined : Date.now() + waitMs,
    }));
    await pause(waitMs);
    linkStore.update((link) => ({
      ...link,
      state: attempt > 1 || benchStore.get() ? 'reconnecting' : 'connecting',
      retryAt: undefined,
    }));
  }
}

/** Ends the wait before the next try. */
export function retryLink(): void {
  retryNow();
}

/** A call on the present link; throws `link.closed` while there is none. */
export function call<N extends CallName>(name: N, input: CallInput<N>, options?: CallOptions): Promise<CallOutput<N>> {
  const client = clientStore.get();
  if (!client) {
    return Promise.reject(
      new LabError(
        'link.closed',
        'There is no link to the engine, so nothing was sent. The screen reconnects by itself; try again then.',
      ),
    );
  }
  const { right } = CALLS[name];
  const { engine } = linkStore.get();
  if (engine && !engine.rights.includes(right)) return Promise.reject(lacksRight(right));
  return client.call(name, input, options);
}

async function runLink(opener: LinkOpener, attempt: number): Promise<{ error: LabError; wasLive: boolean }> {
  linkStore.update((link) => ({ ...link, attempt }));
  let wasLive = false;
  try {
    const link = await opener.open(AbortSignal.timeout(10_000));
    using client = connect(link);
    const engine = await greet(client, `screen (${opener.way})`);
    let failed: (error: LabError) => void = () => {};
    const failure = new Promise<LabError>((resolve) => {
      failed = resolve;
    });
    const goLive = (): void => {
      wasLive = true;
      note(`Live: engine ${engine.version}`);
      clientStore.set(client);
      lastClientStore.set(client);
      linkStore.update((state) => ({
        ...state,
        state: 'live',
        reason: '',
        code: '',
        attempt: 0,
        retryAt: undefined,
        engine,
      }));
    };
    const stops = [
      client.on('engine.pulse', (pulse) => pulseStore.set(pulse)),
      syncBench(
        client,
        (bench) => {
          benchStore.set(bench);
          if (!wasLive) goLive();
        },
        failed,
      ),
    ];
    const error = await Promise.race([client.closed, failure]);
    for (const stop of stops) stop();
    return { error, wasLive };
  } catch (thrown) {
    return { error: LabError.from(thrown), wasLive };
  } finally {
    clientStore.set(undefined);
    // Old figures would be a lie: the status bar shows that nothing is known.
    pulseStore.set(undefined);
  }
}

function backoffMs(attempt: number): number {
  const base = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, attempt - 1));
  return base * (0.75 + Math.random() * 0.5);
}

function pause(ms: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
    retryNow = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

function note(text: string): void {
  linkStore.update((link) => ({ ...link, history: [...link.history, { at: Date.now(), text }].slice(-KEPT_HISTORY) }));
}
