import { z } from 'zod';
import type { CallInput, CallName, CallOutput } from '../../contract/calls.ts';
import type { Asker } from '../../contract/envelope.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { Principal } from '../access/principal.ts';
import { hasRight } from '../access/role.ts';
import { type Equipment, equipmentId } from '../bench/equipment.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import type { ChannelDesk } from '../channels/channel-desk.ts';
import type { ClientMessage } from './client-message.ts';
import { wireCode } from './wire-error.ts';

type Command = Extract<ClientMessage, { type: 'command' }>;

/** Whose command it is. */
export interface Commander {
  principal: Principal;
  /** Session of the client: its locks and its `idem` belong to it. */
  session: string;
}

export interface CommandResult {
  success: boolean;
  data?: unknown;
  error?: string;
  code?: string;
  [field: string]: unknown;
}

/** What was switched off, and whether the read-back says so. */
interface OffResults {
  results: { equipment_id: string; group: string; confirmed: boolean; reason?: string | undefined }[];
}

export interface CommandHost {
  bench: HubBench;
  clock: Clock;
  channels: ChannelDesk;
  /** In whose name the engine is asked. */
  asker(commander: Commander): Asker;
}

const setting = z.object({
  control: z.string().min(1).max(100),
  value: z.union([z.number(), z.boolean(), z.string().max(200)]),
});
const question = z.object({ text: z.string().min(1).max(10_000) });
const capture = z.object({ channels: z.array(z.string().max(100)).min(1).max(8) });
const lock = z.object({ wait: z.boolean().default(false), timeout_seconds: z.number().min(1).max(3600).default(300) });
const alarm = z.object({ alarm_id: z.string().min(1).max(300) });

/** What an instrument is told beside its settings: the words of `instrument.act`. */
const ACTS = ['clear', 'trigger', 'status-byte', 'local', 'remote'] as const;
/** The answer is waited for a little longer than the engine works on it. */
const GRACE_MS = 2000;

/** Commands of clients, carried out by the engine in their name: it checks locks and rights, and carries out once what comes twice. */
export class CommandDesk {
  readonly #host: CommandHost;

  constructor(host: CommandHost) {
    this.#host = host;
  }

  /** In whose name the engine is asked for a client. */
  asker(commander: Commander): Asker {
    return this.#host.asker(commander);
  }

  /** Never throws: what went wrong is the answer. */
  async run(command: Command, commander: Commander): Promise<CommandResult> {
    const { clock } = this.#host;
    const beganMs = clock.monotonicMs();
    const result = await this.#carryOut(command, commander).then(
      (data): CommandResult => ({ success: true, data }),
      (thrown: unknown): CommandResult => {
        const error = LabError.from(thrown);
        const { results } = error.details;
        return {
          success: false,
          error: error.message,
          code: wireCode(error),
          ...(results === undefined ? {} : { data: { results } }),
        };
      },
    );
    if (command.action !== 'read') this.#tell(command, commander, result, clock.monotonicMs() - beganMs);
    return result;
  }

  async #carryOut(command: Command, commander: Commander): Promise<unknown> {
    const { action, equipment_id } = command;
    if (equipment_id === undefined || equipment_id === '') return this.#forBench(command, commander);
    const equipment = this.#host.bench.find(equipment_id);
    const instrument = equipment.instrument.id;
    const act = ACTS.find((one) => one === action);
    if (act) return this.#call(command, commander, 'instrument.act', { instrument, action: act });
    switch (action) {
      case 'set':
        return this.#set(command, commander, instrument);
      case 'read':
        return { controls: await this.#read(command, commander, equipment) };
      case 'command': {
        const { text } = parametersOf(question, command);
        const { reply } = await this.#call(command, commander, 'instrument.query', { instrument, text });
        return { text: reply ?? '' };
      }
      case 'capture':
        return this.#call(command, commander, 'instrument.capture', { instrument, ...parametersOf(capture, command) });
      case 'outputs_off':
        return this.#outputsOff(command, commander, equipment);
      case 'acquire_lock':
        return this.#lock(command, commander, instrument);
      case 'release_lock':
        return this.#unlock(command, commander, instrument);
      default:
        throw unknownAction(action);
    }
  }

  async #forBench(command: Command, commander: Commander): Promise<unknown> {
    if (command.action === 'acknowledge_alarm') {
      const { alarm_id } = parametersOf(alarm, command);
      return this.#call(command, commander, 'alarm.acknowledge', { rule: alarm_id });
    }
    if (command.action === 'release_stop') return this.#call(command, commander, 'emergency.release', {});
    if (command.action !== 'emergency_stop' && command.action !== 'outputs_off') throw unknownAction(command.action);
    const name = command.action === 'emergency_stop' ? 'emergency.stop' : 'outputs.off';
    const { results } = await this.#call(command, commander, name, {});
    return confirmedOnly(results.map(({ instrument, ...rest }) => ({ equipment_id: this.#idOf(instrument), ...rest })));
  }

  async #set(command: Command, commander: Commander, instrument: string): Promise<unknown> {
    const { control, value } = parametersOf(setting, command);
    const { readBack } = await this.#call(command, commander, 'instrument.set', { instrument, control, value });
    return { controls: readBack };
  }

  /** As read back last; who may control has them read now. */
  async #read(command: Command, commander: Commander, equipment: Equipment): Promise<Record<string, ControlValue>> {
    const { id } = equipment.instrument;
    if (hasRight(commander.principal.role, 'control'))
      await this.#call(command, commander, 'instrument.refresh', { instrument: id });
    const { values } = this.#host.bench.state.instruments.find((one) => one.id === id) ?? equipment.instrument;
    return Object.fromEntries(
      Object.entries(values).flatMap(([control, { readBack }]) =>
        readBack === undefined ? [] : [[control, readBack] as const],
      ),
    );
  }

  /** All outputs of one equipment, each read back: whoever has its lock. */
  async #outputsOff(command: Command, commander: Commander, { id, instrument }: Equipment): Promise<OffResults> {
    const { results } = await this.#call(command, commander, 'outputs.off', { instruments: [instrument.id] });
    return confirmedOnly(results.map(({ instrument: _instrument, ...rest }) => ({ equipment_id: id, ...rest })));
  }

  async #lock(command: Command, commander: Commander, instrument: string): Promise<unknown> {
    const { wait, timeout_seconds } = parametersOf(lock, command);
    const holder = commander.principal.name;
    const input = { instrument, holder, ttlS: timeout_seconds, wait };
    const { key: _key, ...given } = await this.#call(once(command), commander, 'lock.take', input);
    return given;
  }

  async #unlock(command: Command, commander: Commander, instrument: string): Promise<unknown> {
    const { locks } = await this.#call(once(command), commander, 'lock.list', { instrument });
    const mine = locks.filter(({ isMine }) => isMine);
    for (const { id } of mine) await this.#call(once(command), commander, 'lock.release', { lock: id });
    return { released: mine.length };
  }

  #call<N extends CallName>(
    { deadline_ms, idem }: Command,
    commander: Commander,
    name: N,
    input: CallInput<N>,
  ): Promise<CallOutput<N>> {
    return this.#host.bench.client.call(name, input, {
      as: this.#host.asker(commander),
      deadlineMs: deadline_ms,
      timeoutMs: deadline_ms + GRACE_MS,
      ...(idem === undefined ? {} : { idem }),
    });
  }

  #idOf(instrument: string): string {
    const found = this.#host.bench.state.instruments.find(({ id }) => id === instrument);
    return found ? equipmentId(found) : instrument;
  }

  #tell(command: Command, { principal }: Commander, result: CommandResult, ms: number): void {
    const { action, equipment_id, idem, id } = command;
    this.#host.channels.publish('actions', 'action.executed', {
      action_id: idem ?? String(id ?? ''),
      action_type: action,
      ...(equipment_id === undefined ? {} : { equipment_id }),
      status: result.success ? 'success' : 'failed',
      execution_time_ms: Math.round(ms),
      user: principal.name,
      message: `${principal.name}: ${action}${equipment_id === undefined ? '' : ` of ${equipment_id}`}`,
      error: result.error ?? null,
    });
  }
}

/** Throws safety.unconfirmed, with all results, unless each output is confirmed to be off. */
function confirmedOnly(results: OffResults['results']): OffResults {
  const open = results.filter(({ confirmed }) => !confirmed);
  if (open.length === 0) return { results };
  throw new LabError(
    'safety.unconfirmed',
    `${open.length} of ${results.length} outputs do not read back as off. Treat them as on.`,
    { results },
  );
}

/** Taking a lock twice is taking it once: the engine need not remember. */
function once(command: Command): Command {
  return { ...command, idem: undefined };
}

function parametersOf<T extends z.ZodType>(schema: T, { action, parameters }: Command): z.output<T> {
  const judged = schema.safeParse(parameters);
  if (judged.success) return judged.data;
  const issue = judged.error.issues[0];
  throw new LabError(
    'call.invalid',
    `The parameters of ${action} cannot be read (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}). Nothing was sent.`,
  );
}

function unknownAction(action: string): LabError {
  return new LabError(
    'driver.unsupported',
    `There is no action ${action.slice(0, 100)} here. Nothing was sent. There are set, read, command, capture, outputs_off, emergency_stop, release_stop, acquire_lock, release_lock, ${ACTS.join(', ')}.`,
  );
}
