import { join } from 'node:path';
import { createMemoryLinks } from '../../src/contract/memory-link.ts';
import { Scope } from '../../src/core/scope.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { Access } from '../../src/hub/access/access.ts';
import { openAccess } from '../../src/hub/access/hub-access.ts';
import { HubBench } from '../../src/hub/bench/hub-bench.ts';
import { type Hub, type HubOptions, openHub } from '../../src/hub/hub.ts';
import { createHubLog, type LogLine } from '../../src/hub/hub-log.ts';
import type { Profile } from '../../src/hub/server/door.ts';
import { type Lab, type LabOptions, openLab } from '../lab/lab.ts';
import type { LabScreen } from '../lab/lab-screen.ts';
import { CHEAP, PASSWORD } from './access-bench.ts';

export interface HubLabOptions extends LabOptions {
  /** Simulated instruments to attach before the hub opens. */
  attach?: readonly string[];
  profiles?: readonly Profile[];
  /** Whether who has no login may look. Default true. */
  anonymous?: boolean;
  hub?: Partial<HubOptions>;
}

/** A real engine with simulated instruments, shared by a real hub on loopback; one user for each role, all with PASSWORD. */
export class HubLab implements AsyncDisposable {
  readonly lab: Lab;
  /** A person at the bench. */
  readonly screen: LabScreen;
  readonly access: Access;
  readonly bench: HubBench;
  readonly hub: Hub;
  readonly log: readonly LogLine[];
  readonly #scope: Scope;

  constructor(parts: Pick<HubLab, 'lab' | 'screen' | 'access' | 'bench' | 'hub' | 'log'> & { scope: Scope }) {
    this.lab = parts.lab;
    this.screen = parts.screen;
    this.access = parts.access;
    this.bench = parts.bench;
    this.hub = parts.hub;
    this.log = parts.log;
    this.#scope = parts.scope;
  }

  /** `http://127.0.0.1:PORT` of the first port, or of the one of a profile. */
  url(index = 0): string {
    return this.hub.urls[index] ?? '';
  }

  socketUrl(path: string, index = 0): string {
    return `${this.url(index).replace(/^http/, 'ws')}${path}`;
  }

  /** An access token of the user of a role. */
  async token(role: 'admin' | 'developer' | 'viewer' | 'bot'): Promise<string> {
    const login = await this.access.login({ username: role, password: PASSWORD }, { address: '127.0.0.1' });
    return login.access;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }
}

export async function openHubLab(options: HubLabOptions = {}): Promise<HubLab> {
  const scope = new Scope('hub of a test');
  try {
    const lab = scope.use(await openLab(options));
    const screen = await lab.screen('bench');
    for (const name of options.attach ?? ['supply'])
      await screen.client.call('instrument.open', { resource: lab.resource(name) });
    await screen.until('all are live', ({ instruments }) => instruments.every(({ state }) => state === 'live'));
    const clock = createSystemClock();
    const faults: string[] = [];
    const log = createHubLog(
      clock,
      (text) => text,
      () => {},
    );
    const hubScreen = await lab.screen('hub', { trusted: true });
    const bench = scope.use(
      await HubBench.open({ client: hubScreen.client, clock, onFault: (error) => faults.push(error.message) }),
    );
    const access = scope.use(
      await openAccess({
        folder: join(lab.folder, 'hub'),
        clock,
        costs: CHEAP,
        say: () => {},
        reach: () => ({ host: '127.0.0.1', anonymous: options.anonymous ?? true }),
      }),
    );
    for (const role of ['admin', 'developer', 'viewer', 'bot'] as const) await access.users.add(role, role, PASSWORD);
    const profiles = options.profiles ?? ['native'];
    const hub = scope.use(
      await openHub({
        clock,
        bench,
        access,
        log,
        id: 'hub-of-a-test',
        name: 'Test bench',
        version: '0.0.0-test',
        ports: profiles.map((profile) => ({ host: '127.0.0.1', port: 0, profile })),
        drainMs: 500,
        openEngineLink: async () => {
          const [ours, theirs] = createMemoryLinks(setImmediate);
          lab.engine.serve(theirs, { rights: ['view', 'control', 'manage'], trusted: true });
          return ours;
        },
        ...options.hub,
      }),
    );
    return new HubLab({ lab, screen, access, bench, hub, log: log.recent, scope });
  } catch (error) {
    await scope[Symbol.asyncDispose]();
    throw error;
  }
}
