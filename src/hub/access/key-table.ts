import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { KeyFile, KeyRecord } from './access-schema.ts';
import type { KeyView, NewKey } from './access-view.ts';
import type { KeptFile } from './kept-file.ts';
import type { RandomBytes } from './password-hash.ts';
import type { NamedRole } from './role.ts';
import { lesserRole } from './role.ts';
import type { UserTable } from './user-table.ts';
import { digest } from './user-table.ts';

const MAX_KEYS = 1000;
/** How often the time of last use is written, ms. */
const FLUSH_MS = 60_000;
/** `lw_` and 32 random bytes. */
const KEY = /^lw_[\w-]{43}$/;

export const NO_KEYS: KeyFile = { version: 1, keys: [] };

export interface KeyOptions {
  /** Null (default): the role of the user. A greater one than the user's counts as the user's. */
  role?: NamedRole | null;
  label: string;
  /** How long it is good, ms. Null (default): until it is removed. */
  ttlMs?: number | null;
}

/** API keys, in `keys.json`: each acts for a user, for programs that cannot log in. */
export class KeyTable {
  readonly #file: KeptFile<KeyFile>;
  readonly #users: UserTable;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  /** Uses not yet written, by id. */
  #used = new Map<string, number>();
  #flushedMs: number;

  constructor(file: KeptFile<KeyFile>, users: UserTable, clock: Clock, random: RandomBytes) {
    this.#file = file;
    this.#users = users;
    this.#clock = clock;
    this.#random = random;
    this.#flushedMs = clock.monotonicMs();
  }

  /** Keys whose user is there. */
  list(): KeyView[] {
    return this.#file.value.keys.flatMap((key) => this.#view(key) ?? []);
  }

  /** The key itself is told here and never again. Throws hub.user-unknown, call.limit, hub.storage. */
  async add(userName: string, options: KeyOptions): Promise<NewKey> {
    const user = this.#users.get(userName);
    const secret = `lw_${Buffer.from(this.#random(32)).toString('base64url')}`;
    const nowMs = this.#nowMs();
    const key: KeyRecord = {
      id: Buffer.from(this.#random(6)).toString('hex'),
      user: user.id,
      role: options.role ?? null,
      label: options.label.slice(0, 200),
      hash: digest(secret),
      createdMs: nowMs,
      expiresMs: options.ttlMs == null ? null : nowMs + options.ttlMs,
      usedMs: null,
    };
    await this.#file.change((file) => {
      // Keys of users that are gone, and those that ran out, make room.
      const kept = file.keys.filter((known) => this.#users.findId(known.user) && !isOver(known, nowMs));
      if (kept.length >= MAX_KEYS) {
        throw new LabError(
          'call.limit',
          `There are ${MAX_KEYS} API keys; more are not kept. Remove those nobody uses.`,
        );
      }
      return [{ ...file, keys: [...kept, key] }, undefined];
    });
    const view = this.#view(key);
    if (!view) throw new LabError('hub.user-unknown', `The user ${userName} was removed meanwhile. No key was made.`);
    return { key: view, secret };
  }

  /** Whoever uses it is out at once. Throws hub.key-unknown, hub.storage. */
  remove(id: string): Promise<void> {
    return this.#file.change((file) => {
      const keys = file.keys.filter((key) => key.id !== id);
      if (keys.length === file.keys.length) {
        const text = `There is no API key ${id.slice(0, 80)}. Nothing was changed; \`labwire token list\` names those there are.`;
        throw new LabError('hub.key-unknown', text);
      }
      return [{ ...file, keys }, undefined];
    });
  }

  /** The record of a key that somebody shows; undefined: none of ours. Whether it ran out is the caller's to see. */
  match(secret: string): KeyRecord | undefined {
    if (!KEY.test(secret)) return undefined;
    // Found by its hash: what a comparison could tell is of the hash, and leads to no key.
    const hash = digest(secret);
    return this.#file.value.keys.find((key) => key.hash === hash);
  }

  findId(id: string): KeyRecord | undefined {
    return this.#file.value.keys.find((key) => key.id === id);
  }

  noteUse(key: KeyRecord): void {
    this.#used.set(key.id, this.#nowMs());
  }

  /** Writes when keys were used last, once a minute at most; `now`: at the end. */
  async flush(now = false): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#used.size === 0 || (!now && nowMs - this.#flushedMs < FLUSH_MS)) return;
    this.#flushedMs = nowMs;
    const used = this.#used;
    this.#used = new Map();
    await this.#file.change((file) => {
      const keys = file.keys.map((key) => ({ ...key, usedMs: used.get(key.id) ?? key.usedMs }));
      return [{ ...file, keys }, undefined];
    });
  }

  #view(key: KeyRecord): KeyView | undefined {
    const user = this.#users.findId(key.user);
    if (!user) return undefined;
    const usedMs = this.#used.get(key.id) ?? key.usedMs ?? undefined;
    const { id, label, createdMs } = key;
    const role = lesserRole(user.role, key.role ?? user.role);
    return { id, user: user.name, role, label, createdMs, expiresMs: key.expiresMs ?? undefined, usedMs };
  }

  #nowMs(): number {
    return Number(this.#clock.nowNs() / 1_000_000n);
  }
}

/** Whether a key ran out. */
export function isOver(key: KeyRecord, nowMs: number): boolean {
  return key.expiresMs !== null && nowMs >= key.expiresMs;
}
