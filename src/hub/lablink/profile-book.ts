import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import type { HubParts } from '../hub-parts.ts';
import { isoTime } from '../server-time.ts';
import { KeptJson } from './kept-json.ts';

/** Longest settings of one profile, and most profiles. */
const MAX_SETTINGS = 200;
const MAX_PROFILES = 200;

const setting = z.union([z.number(), z.boolean(), z.string().max(200)]);
export const profileBody = z.object({
  name: z.string().min(1).max(200),
  description: z.string().max(2000).nullish(),
  equipment_type: z.string().max(50),
  model: z.string().max(200),
  settings: z.record(z.string().max(100), setting).refine((all) => Object.keys(all).length <= MAX_SETTINGS, {
    message: `at most ${MAX_SETTINGS} settings`,
  }),
  tags: z.array(z.string().max(100)).max(50).nullish(),
});
export type ProfileBody = z.infer<typeof profileBody>;

export const profileShape = z.object({
  name: z.string(),
  description: z.string().nullable(),
  equipment_type: z.string(),
  model: z.string(),
  settings: z.record(z.string(), setting),
  created_at: z.string(),
  modified_at: z.string(),
  tags: z.array(z.string()),
});
export type Profile = z.infer<typeof profileShape>;

const profileFile = z.object({ version: z.literal(1), profiles: z.array(profileShape) });

/** Settings of controls under a name, kept in the hub's folder. */
export class ProfileBook {
  readonly #file: KeptJson<z.infer<typeof profileFile>>;
  readonly #nowNs: () => bigint;

  constructor(parts: HubParts) {
    this.#file = new KeptJson(parts, 'lablink-profiles.json', profileFile, { version: 1, profiles: [] });
    this.#nowNs = () => parts.clock.nowNs();
  }

  async list(type?: string): Promise<Profile[]> {
    const { profiles } = await this.#file.read();
    return profiles.filter(({ equipment_type }) => type === undefined || equipment_type === type);
  }

  /** Throws hub.unknown. */
  async get(name: string): Promise<Profile> {
    return find(await this.list(), name);
  }

  /** Throws hub.conflict for a name that is there, call.limit, hub.storage. */
  create(body: ProfileBody): Promise<Profile> {
    return this.#file.change(({ version, profiles }) => {
      if (profiles.some(({ name }) => name === body.name))
        throw new LabError('hub.conflict', `Profile '${body.name}' already exists. Nothing was changed.`);
      if (profiles.length >= MAX_PROFILES)
        throw new LabError('call.limit', `${MAX_PROFILES} profiles are kept. Delete one that is not used.`);
      const now = isoTime(this.#nowNs());
      const profile = { ...filled(body), created_at: now, modified_at: now };
      return [{ version, profiles: [...profiles, profile] }, profile];
    });
  }

  /** Throws hub.unknown, hub.storage. */
  update(name: string, body: ProfileBody): Promise<Profile> {
    return this.#file.change(({ version, profiles }) => {
      const { created_at } = find(profiles, name);
      const profile = { ...filled(body), created_at, modified_at: isoTime(this.#nowNs()) };
      return [{ version, profiles: profiles.map((one) => (one.name === name ? profile : one)) }, profile];
    });
  }

  /** Throws hub.unknown, hub.storage. */
  remove(name: string): Promise<void> {
    return this.#file.change(({ version, profiles }) => {
      find(profiles, name);
      return [{ version, profiles: profiles.filter((one) => one.name !== name) }, undefined];
    });
  }
}

function filled({ name, description, equipment_type, model, settings, tags }: ProfileBody) {
  return { name, description: description ?? null, equipment_type, model, settings, tags: tags ?? [] };
}

function find(profiles: readonly Profile[], name: string): Profile {
  const found = profiles.find((profile) => profile.name === name);
  if (found) return found;
  throw new LabError('hub.unknown', `Profile '${name.slice(0, 100)}' not found`);
}
