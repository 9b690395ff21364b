import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { LabwireMessage } from '../../protocol/lab/labwire-messages.ts';
import type { Controls, Equipment } from '../equipment.ts';
import type { CommandOptions, OutputsOffResult } from '../lab-server.ts';
import { eitherConfirms, type OffAnswer, offResultsOf, outputNames, rowsOf } from './outputs-off.ts';

const controls = z.object({ controls: z.record(z.string(), z.union([z.number(), z.boolean(), z.string()])) });
const answerText = z.object({ text: z.string() });

const TIMEOUT_MS = 5000;

export interface CommandRequest {
  equipment: string;
  action: string;
  parameters: Record<string, unknown>;
}

/** Sends a command and gives its answer; see `PendingRequests.ask` for what it throws. */
export type Ask = (
  message: Record<string, unknown>,
  options: CommandOptions & { timeoutMs: number },
) => Promise<LabwireMessage>;

/** Commands to the equipment of a server. Each is carried out once, however often the connection breaks before its answer. */
export class EquipmentControl {
  readonly #ask: Ask;
  readonly #uniqueId: () => string;

  constructor(ask: Ask, uniqueId: () => string) {
    this.#ask = ask;
    this.#uniqueId = uniqueId;
  }

  /** Throws server.busy (lock), server.rejected, server.timeout, server.denied, server.unsupported. */
  async run(request: CommandRequest, options: CommandOptions): Promise<unknown> {
    const answer = await this.#send(request, { ...options, timeoutMs: options.timeoutMs ?? TIMEOUT_MS });
    if (answer.type === 'command_result' && answer.success) return answer.data;
    throw refused(answer, request.equipment, request.action);
  }

  async read(equipment: string, options: CommandOptions): Promise<Controls> {
    return readBack(await this.run({ equipment, action: 'read', parameters: {} }, options));
  }

  async set(equipment: string, control: string, value: ControlValue, options: CommandOptions): Promise<Controls> {
    const data = await this.run({ equipment, action: 'set', parameters: { control, value } }, options);
    const back = controls.safeParse(data);
    return back.success ? back.data.controls : this.read(equipment, { timeoutMs: TIMEOUT_MS });
  }

  /** The answer as text: the server's own words where it gives text, else JSON. */
  async text(equipment: string, text: string, options: CommandOptions): Promise<string> {
    const data = await this.run({ equipment, action: 'command', parameters: { text } }, options);
    const said = answerText.safeParse(data);
    return said.success ? said.data.text : JSON.stringify(data ?? null);
  }

  /** All outputs of one equipment, whoever has its lock; at a server without that command each by itself, read back. Never throws. */
  async outputsOff(equipment: Equipment): Promise<OutputsOffResult[]> {
    if (outputNames(equipment).length === 0) return [];
    const answer = await this.#off(equipment.id, 'outputs_off', TIMEOUT_MS);
    const isKnown = answer.results !== undefined || (answer.error && answer.error.code !== 'server.unsupported');
    return isKnown ? rowsOf(equipment, answer) : this.#eachOff(equipment);
  }

  /**
   * The server's own emergency stop and every output besides, at once: servers forget channels. One that either way confirms is off. Never throws; `failed` is
   * told why the server's own did nothing.
   */
  async emergencyStop(equipment: readonly Equipment[], failed: (error: LabError) => void): Promise<OutputsOffResult[]> {
    const [own, each] = await Promise.all([
      this.#off('', 'emergency_stop', TIMEOUT_MS),
      Promise.all(equipment.map((one) => this.outputsOff(one))),
    ]);
    if (own.error && !own.results) failed(own.error);
    return eitherConfirms(each.flat(), own.results ?? [], equipment);
  }

  /** Ends the emergency stop of the server; outputs stay off. Throws server.*. */
  async releaseStop(options: CommandOptions): Promise<void> {
    await this.run({ equipment: '', action: 'release_stop', parameters: {} }, options);
  }

  /** Never throws. */
  async #off(equipment: string, action: string, timeoutMs: number): Promise<OffAnswer> {
    try {
      const answer = await this.#send({ equipment, action, parameters: {} }, { timeoutMs });
      const isDone = answer.type === 'command_result' && answer.success;
      return {
        results: answer.type === 'command_result' ? offResultsOf(answer.data) : undefined,
        error: isDone ? undefined : refused(answer, equipment, action),
      };
    } catch (thrown) {
      return { results: undefined, error: LabError.from(thrown) };
    }
  }

  /** Each output is switched off by itself and read back: an answer alone proves nothing. Never throws. */
  async #eachOff(equipment: Equipment): Promise<OutputsOffResult[]> {
    const outputs = equipment.shape.controls.filter(({ isOutput }) => isOutput);
    return Promise.all(
      outputs.map(async ({ id, group }): Promise<OutputsOffResult> => {
        const result = { equipment: equipment.id, group: group || id };
        try {
          await this.set(equipment.id, id, false, { timeoutMs: TIMEOUT_MS });
          const back = await this.read(equipment.id, { timeoutMs: TIMEOUT_MS });
          if (back[id] === false) return { ...result, confirmed: true };
          return { ...result, confirmed: false, reason: `It reads back ${String(back[id])}. Treat it as on.` };
        } catch (thrown) {
          return { ...result, confirmed: false, reason: LabError.from(thrown).message };
        }
      }),
    );
  }

  #send(
    { equipment, action, parameters }: CommandRequest,
    options: CommandOptions & { timeoutMs: number },
  ): Promise<LabwireMessage> {
    return this.#ask(
      {
        type: 'command',
        ...(equipment === '' ? {} : { equipment_id: equipment }),
        action,
        parameters,
        deadline_ms: options.timeoutMs,
        idem: options.idem ?? this.#uniqueId(),
      },
      options,
    );
  }
}

function readBack(data: unknown): Controls {
  const back = controls.safeParse(data);
  if (back.success) return back.data.controls;
  throw new LabError(
    'server.malformed',
    'The lab server answered the settings with something that is none. They are shown as they were.',
  );
}

const CODES: Readonly<Record<string, 'server.busy' | 'server.denied' | 'server.unsupported' | 'server.timeout'>> = {
  locked: 'server.busy',
  busy: 'server.busy',
  forbidden: 'server.denied',
  unauthorized: 'server.denied',
  unsupported: 'server.unsupported',
  not_found: 'server.unsupported',
  unknown_type: 'server.unsupported',
  expired: 'server.timeout',
  timeout: 'server.timeout',
};

/** Why a server did not do what was asked, as an error of ours. */
export function refused(answer: LabwireMessage, equipment: string, action: string): LabError {
  const { code, text } =
    answer.type === 'command_result'
      ? { code: answer.code ?? '', text: answer.error ?? '' }
      : answer.type === 'error'
        ? { code: answer.code, text: answer.message }
        : { code: '', text: `It answered ${answer.type}.` };
  const what = `${action}${equipment === '' ? '' : ` of ${equipment}`}`;
  return new LabError(
    (Object.hasOwn(CODES, code) ? CODES[code] : undefined) ?? 'server.rejected',
    `The lab server did not do ${what}: ${text || code || 'it gives no reason'}. Its state is as read back.`,
    { code },
  );
}
