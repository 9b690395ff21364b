import type { Client } from '../../contract/client.ts';
import type { EventData } from '../../contract/events.ts';
import type { Link } from '../../contract/link.ts';
import type { ShareSettings } from '../../contract/share-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Access } from '../access/access.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { type Hub, openHub } from '../hub.ts';
import type { HubLog } from '../hub-log.ts';
import { readWsSettings } from '../ws-settings.ts';
import { ShareDesk } from './share-desk.ts';
import { ConnectionRates, shareConnections } from './share-report.ts';
import { shareUrls } from './share-urls.ts';
import { overdueText, readTls, type TlsPair } from './tls-files.ts';

export interface HubKeeperOptions {
  /** Trusted, and greeted. */
  client: Client;
  bench: HubBench;
  access: Access;
  clock: Clock;
  log: HubLog;
  id: string;
  version: string;
  /** Where dialects keep what outlives the hub; default: nowhere. */
  folder?: string | undefined;
  /** The built page; default: none is served. */
  pageFolder?: string | undefined;
  /** A new trusted link to the engine, for each remote screen; default: none is let in. */
  openEngineLink?: (() => Promise<Link>) | undefined;
  /** What goes before the settings of LabLink's sockets; default: nothing. */
  env?: Readonly<Record<string, string | undefined>>;
}

const REPORT_MS = 1000;

/**
 * Keeps the hub as the settings say: opens it, opens it anew when they change, says what it does and carries out what screens ask.
 *
 *      idle ──settings.on──▶ opening ──▶ open ──settings changed──▶ closing ──▶ opening …
 *                              │
 *                              └──port taken, no certificate …──▶ failed ──settings changed──▶ opening
 */
export class HubKeeper implements AsyncDisposable {
  readonly #options: HubKeeperOptions;
  readonly #desk: ShareDesk;
  readonly #rates = new ConnectionRates();
  readonly #ends: (() => void)[] = [];
  #hub: Hub | undefined;
  #tls: TlsPair | undefined;
  #applied = '';
  #failure: string | undefined;
  #turn: Promise<void> = Promise.resolve();
  #timer: Disposable | undefined;
  #isClosing = false;

  constructor(options: HubKeeperOptions) {
    this.#options = options;
    this.#desk = new ShareDesk({
      access: options.access,
      hub: () => this.#hub,
      rates: this.#rates,
      nowNs: () => options.clock.nowNs(),
    });
  }

  /** Offers itself to the engine and opens what is wanted. Throws share.taken, call.denied. */
  async start(): Promise<void> {
    const { client, bench } = this.#options;
    await client.call('share.offer', {});
    this.#ends.push(
      client.on('share.asked', (asked) => void this.#answer(asked)),
      this.#onSettings(),
    );
    this.#follow(bench.state.settings.share);
    this.#tick();
    await this.#turn;
  }

  get hub(): Hub | undefined {
    return this.#hub;
  }

  /** Says goodbye to the clients: they come again after `retryAfterS`. */
  async close(notice: { reason: string; retryAfterS: number }): Promise<void> {
    this.#isClosing = true;
    for (const end of this.#ends.splice(0)) end();
    this.#timer?.[Symbol.dispose]();
    await this.#turn;
    await this.#hub?.close(notice);
    this.#hub = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ reason: 'The bench is not shared any more.', retryAfterS: 30 });
  }

  #onSettings(): () => void {
    const watching = this.#options.bench.onChange((now) => this.#follow(now.settings.share));
    return () => watching[Symbol.dispose]();
  }

  #follow(share: ShareSettings): void {
    const wanted = JSON.stringify(share);
    if (wanted === this.#applied || this.#isClosing) return;
    this.#applied = wanted;
    this.#turn = this.#turn.then(() => this.#open(share));
  }

  async #open(share: ShareSettings): Promise<void> {
    const { bench, access, clock, log, id, version, folder, pageFolder, openEngineLink, env = {} } = this.#options;
    this.#failure = undefined;
    this.#tls = undefined;
    await this.#hub?.close({ reason: 'How the bench is shared has been changed.', retryAfterS: 1 });
    this.#hub = undefined;
    if (!share.on) return;
    await this.#report('starting');
    try {
      this.#tls = share.tls ? await readTls(share.tls) : undefined;
      this.#hub = await openHub({
        clock,
        bench,
        access,
        log,
        id,
        version,
        folder,
        pageFolder,
        openEngineLink,
        ws: readWsSettings(env, share.lablink).settings,
        name: share.name || bench.state.bench.name,
        tls: this.#tls,
        // What the certificate says, and the address it was given as a name, is this bench.
        fence: { hostNames: [...(this.#tls?.names ?? []), share.host.toLowerCase()], origins: share.origins },
        roles: { anonymousReadings: share.anonymousReadings },
        ports: [
          { host: share.host, port: share.port, profile: 'native' },
          ...share.listeners.map(({ port, profile }) => ({ host: share.host, port, profile })),
        ],
        limits: share.limits,
      });
    } catch (thrown) {
      this.#failure = LabError.from(thrown).message;
      log.write('error', 'hub.failed', { why: this.#failure });
    }
    await this.#report(this.#hub ? 'on' : 'failed');
  }

  #tick(): void {
    this.#timer = this.#options.clock.after(REPORT_MS, () => {
      if (this.#hub) {
        this.#rates.look(this.#hub.parts.connections.all, this.#options.clock.monotonicMs());
        void this.#report('on');
      }
      this.#tick();
    });
  }

  async #report(state: 'starting' | 'on' | 'failed'): Promise<void> {
    const { client, access, clock } = this.#options;
    const hub = this.#hub;
    const reason = this.#failure ?? overdueText(this.#tls, Number(clock.nowNs() / 1_000_000n));
    await client
      .call('share.report', {
        state,
        // Anew each time: networks come and go.
        urls: hub ? shareUrls(hub.urls, this.#tls?.names ?? []) : [],
        ...(reason === undefined ? {} : { reason }),
        connections: hub ? shareConnections(hub, this.#rates) : [],
        users: access.users.list().length,
      })
      // An engine that has gone is told of by its link.
      .catch(() => undefined);
  }

  async #answer({ ask, call, input, who }: EventData<'share.asked'>): Promise<void> {
    const { client } = this.#options;
    try {
      const output = await this.#desk.answer(call, input, who);
      await client.call('share.answer', { ask, output });
    } catch (thrown) {
      await client.call('share.answer', { ask, error: LabError.from(thrown).toJSON() }).catch(() => undefined);
    }
  }
}
