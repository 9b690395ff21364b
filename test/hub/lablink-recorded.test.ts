import { afterEach, beforeEach, expect, test } from 'vitest';
import { LABLINK_SETTINGS } from '../../src/contract/lablink-settings.ts';
import { Scope } from '../../src/core/scope.ts';
import { PASSWORD } from './access-bench.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import {
  type Difference,
  FREE_DATA,
  MORE_MESSAGES,
  REST_DIFFERENCES,
  SOCKET_DIFFERENCES,
} from './lablink-differences.ts';
import { ask, LabLinkProbe, type Said } from './lablink-probe.ts';
import { type Line, missing, Names, recorded, replay, requestName } from './lablink-recorded.ts';

let scope: Scope;

beforeEach(() => {
  scope = new Scope('recorded conversations');
});
afterEach(() => scope[Symbol.asyncDispose]());

interface Stage {
  hub: HubLab;
  names: Names;
  tokens: { access: string; refresh: string };
  supply: string;
}

const MOCKS = [
  ['ps_250e6dfe', 'power_supply', 'MOCK::PSU::0'],
  ['scope_386959fc', 'oscilloscope', 'MOCK::SCOPE::0'],
  ['load_47fa0d5c', 'electronic_load', 'MOCK::LOAD::0'],
] as const;

async function openStage(): Promise<Stage> {
  // Frames of any length are tagged, as the recorded server does.
  const ws = { ...LABLINK_SETTINGS, compression: { ...LABLINK_SETTINGS.compression, thresholdBytes: 0 } };
  const hub = scope.use(await openHubLab({ attach: ['supply', 'scope', 'load'], profiles: ['lablink'], hub: { ws } }));
  const names = new Names();
  let supply = '';
  for (const [theirs, type, resource] of MOCKS) {
    const equipment = hub.bench.equipment.find((one) => one.type === type);
    names.set(theirs, equipment?.id ?? '');
    names.set(resource, equipment?.instrument.resource ?? '');
    if (type === 'power_supply') supply = equipment?.instrument.id ?? '';
  }
  const { access, refresh } = await hub.access.login(
    { username: 'admin', password: PASSWORD },
    { address: '127.0.0.1' },
  );
  return { hub, names, tokens: { access, refresh }, supply };
}

/** Compares answers with the recorded ones, and knows which may differ. */
class Judge {
  readonly unexpected: string[] = [];
  readonly #differences: readonly Difference[];
  readonly #seen = new Set<Difference>();
  #acquisition = '';

  constructor(differences: readonly Difference[]) {
    this.#differences = differences;
  }

  get unused(): string[] {
    return this.#differences.filter((one) => !this.#seen.has(one)).map(({ request, reason }) => `${request} ${reason}`);
  }

  async rest({ hub, names, tokens }: Stage, line: Line): Promise<void> {
    if (line.status === 200 && /\/(stats|data|status)/.test(line.path ?? ''))
      await this.#samples(hub, tokens.access, line);
    if (/alarms\/check/.test(line.path ?? '')) await this.#raised(hub, tokens.access);
    const answer = await replay(hub, names, tokens, line);
    if (typeof answer.json.acquisition_id === 'string') this.#acquisition = answer.json.acquisition_id;
    const lacks = answer.status === line.status ? missing(names.in(line.response), answer.json) : [];
    if (answer.status === line.status && lacks.length === 0) return;
    const name = requestName(line);
    const known = this.#differences.find(
      ({ request, there, here }) => request.test(name) && there === line.status && here === answer.status,
    );
    if (known) this.#seen.add(known);
    else
      this.unexpected.push(
        `${name}: ${line.status} there, ${answer.status} here: ${lacks.join('; ')} ${JSON.stringify(answer.json).slice(0, 200)}`,
      );
  }

  /** What is measured raises the alarm, not the check. */
  async #raised(hub: HubLab, token: string): Promise<void> {
    const active = async () => (await ask(hub, 'GET', '/api/alarms/events/active', { token })).json.count;
    await expect.poll(active).toBeGreaterThan(0);
  }

  /** An acquisition that runs has enough samples first. */
  async #samples(hub: HubLab, token: string, line: Line): Promise<void> {
    if (this.#acquisition === '' || (line.response as { state?: string } | undefined)?.state === 'idle') return;
    const path = `/api/acquisition/session/${this.#acquisition}/status`;
    await expect
      .poll(
        async () => {
          const { json } = await ask(hub, 'GET', path, { token });
          return json.state !== 'acquiring' || (json.stats as { total_samples: number }).total_samples >= 20;
        },
        { timeout: 30_000 },
      )
      .toBe(true);
  }
}

test('the recorded REST conversation, answer by answer', async () => {
  const stage = await openStage();
  const judge = new Judge(REST_DIFFERENCES);
  for (const line of recorded('rest-fixed.jsonl')) if (line.kind === 'rest') await judge.rest(stage, line);
  expect(judge.unexpected).toEqual([]);
  expect(judge.unused).toEqual([]);
});

/** What comes of a request that stands behind it in the recording. */
const LATE = new Set(['alarm', 'alarm_event', 'alarm_updated', 'alarm_cleared', 'discovery_progress', 'test']);

function signatureOf(message: Said): string {
  const { type, stream_type = '', equipment_id = '' } = message;
  return type.startsWith('alarm') ? type : `${type} ${String(equipment_id)} ${String(stream_type)}`;
}

/** A message like the recorded one, from one on. */
async function untilLike(probe: LabLinkProbe, message: Said, from: number): Promise<void> {
  const signature = signatureOf(message);
  let lacks: string[] = ['no such message'];
  await probe
    .until(signature, () =>
      probe.heard.slice(from).some((heard) => {
        if (signatureOf(heard.message) !== signature) return false;
        const isFree = Object.hasOwn(FREE_DATA, message.type);
        lacks = missing(isFree ? { ...message, data: {} } : message, heard.message);
        return lacks.length === 0;
      }),
    )
    .catch((error: unknown) => {
      throw new Error(`${signature}: ${lacks.join('; ')}`, { cause: error });
    });
}

/** Says what the recording says, and waits for the answers it has. */
async function converse(
  stage: Stage,
  name: string,
  judge: Judge,
  atNote: (note: string) => Promise<void>,
): Promise<{ probe: LabLinkProbe; theirs: Said[] }> {
  const { hub, names, tokens } = stage;
  const probe = scope.use(await LabLinkProbe.open(hub.socketUrl('/ws'), { token: tokens.access }));
  const theirs: Said[] = [];
  let from = 0;
  for (const line of recorded(name)) {
    if (line.kind === 'rest' && line.status !== undefined) await judge.rest(stage, line);
    if (line.kind === 'note') await atNote(line.note ?? '');
    if (line.kind !== 'ws') continue;
    if (line.dir === '->') {
      from = probe.heard.length;
      probe.say(names.in(line.msg));
    } else if (line.dir === '<-' && typeof line.msg === 'object' && line.msg !== null) {
      const message = names.in(line.msg) as Said;
      theirs.push(message);
      if (!LATE.has(message.type)) await untilLike(probe, message, Math.max(0, from - 50));
    }
  }
  return { probe, theirs };
}

test.each(['ws-fixed.jsonl', 'ws-enhanced.jsonl', 'ws-unified.jsonl', 'ws-fixed-jobs-after-restart.jsonl'])(
  '%s: everything it was told comes, in its shape',
  async (name) => {
    const stage = await openStage();
    const { hub, supply } = stage;
    // The values of the recording, as real ones: alarms come from what is measured.
    await hub.screen.client.call('instrument.set', { instrument: supply, control: 'ch1.voltage.set', value: 9.5 });
    await hub.screen.client.call('instrument.set', { instrument: supply, control: 'ch1.output', value: true });
    // Somebody else has it in one of them, up to its second part.
    const isHeld = name === 'ws-fixed.jsonl';
    const wish = { instrument: supply, holder: 'someone-else' };
    const held = isHeld ? (await hub.screen.client.call('lock.take', wish)).lock : '';
    const atNote = async (note: string): Promise<void> => {
      if (isHeld && note === 'acquisition') await hub.screen.client.call('lock.release', { lock: held });
    };
    const judge = new Judge(SOCKET_DIFFERENCES);
    const { probe, theirs } = await converse(stage, name, judge, atNote);
    for (const message of theirs) {
      await untilLike(probe, message, 0);
    }
    const said = new Set(theirs.map(({ type }) => type));
    const more = new Set(probe.heard.map(({ message }) => message.type).filter((type) => !said.has(type)));
    expect([...more].filter((type) => !Object.hasOwn(MORE_MESSAGES, type))).toEqual([]);
    expect(judge.unexpected).toEqual([]);
    // What cut the connection there is answered here.
    await probe.ask({ type: 'ping' }, 'pong');
    expect(probe.closed).toBeUndefined();
  },
  120_000,
);
