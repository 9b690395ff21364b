import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Right } from '../../src/contract/calls.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import type { Access } from '../../src/hub/access/access.ts';
import type { AccessOptions, Reach } from '../../src/hub/access/hub-access.ts';
import { openAccess } from '../../src/hub/access/hub-access.ts';
import type { RandomBytes, ScryptCosts } from '../../src/hub/access/password-hash.ts';
import type { AccessChange } from '../../src/hub/access/principal.ts';

export const rights: readonly Right[] = ['view', 'control', 'manage'];

/** As cheap as a hash may be: the tests are about what is around it. */
export const CHEAP: ScryptCosts = { ln: 10, r: 1, p: 1 };

export const HERE = { address: '127.0.0.1' };
export const DESK = { address: '192.168.1.20' };
export const ATTACKER = { address: '203.0.113.7' };

export const PASSWORD = 'four words of a bench';

/** Bytes that are the same for the same seed. */
export function seededBytes(seed: number): RandomBytes {
  const random = seededRandom(seed);
  return (sizeBytes) => Uint8Array.from({ length: sizeBytes }, () => random.below(256));
}

/** A folder and the access of a hub over it, on a clock moved by hand. */
export class AccessBench implements AsyncDisposable {
  readonly folder: string;
  readonly clock = new ManualClock();
  readonly said: string[] = [];
  readonly changes: AccessChange[] = [];
  reach: Reach = { host: '127.0.0.1', anonymous: false };
  #opened: Access[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<AccessBench> {
    return new AccessBench(join(await mkdtemp(join(tmpdir(), 'labwire-access-')), 'hub'));
  }

  async open(options: Partial<AccessOptions> = {}): Promise<Access> {
    const access = await openAccess({
      folder: this.folder,
      clock: this.clock,
      costs: CHEAP,
      say: (text) => void this.said.push(text),
      reach: () => this.reach,
      ...options,
    });
    access.onRevoked((change) => void this.changes.push(change));
    this.#opened.push(access);
    return access;
  }

  /** Time passes; what the hub does by itself meanwhile has come to its end. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const access of this.#opened) await access[Symbol.asyncDispose]();
    await rm(join(this.folder, '..'), { recursive: true, force: true });
  }
}
