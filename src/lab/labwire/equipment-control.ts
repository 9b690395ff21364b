import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { LabwireMessage } from '../../protocol/lab/labwire-messages.ts';
import type { Controls, Equipment } from '../equipment.ts';
import type { CommandOptions, OutputsOffResult } from '../lab-server.ts';

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
  async run({ equipment, action, parameters }: CommandRequest, options: CommandOptions): Promise<unknown> {
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    const answer = await this.#ask(
      {
        type: 'command',
        ...(equipment === '' ? {} : { equipment_id: equipment }),
        action,
        parameters,
        deadline_ms: timeoutMs,
        idem: options.idem ?? this.#uniqueId(),
      },
      { ...options, timeoutMs },
    );
    if (answer.type === 'command_result' && answer.success) return answer.data;
    throw refused(answer, equipment, action);
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

  /** Each output is switched off by itself and read back: an answer alone proves nothing. Never throws. */
  async outputsOff(equipment: Equipment): Promise<OutputsOffResult[]> {
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
