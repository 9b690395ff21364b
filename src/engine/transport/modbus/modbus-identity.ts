import { LabError } from '../../../core/errors.ts';
import type { ModbusAnswer, ModbusRequest } from '../../../protocol/modbus.ts';
import { rdtechIdentity } from '../../../protocol/rdtech-model.ts';

type Ask = (request: ModbusRequest, timeoutMs?: number) => Promise<ModbusAnswer>;

/** Cheap devices do not answer functions they do not know. */
const IDENTIFY_MS = 400;

/** Families that tell who they are in registers of their own. */
const FAMILIES: readonly { request: ModbusRequest; idn(values: readonly number[]): string | undefined }[] = [
  { request: { kind: 'read', table: 'holding', start: 0, count: 4 }, idn: rdtechIdentity },
];

/**
 * The answer of `*IDN?` for a device that has none: what a family's registers say, else device identification (function 43/14), else the unit
 * number alone. Only reads. Throws `transport.timeout` when the unit answers nothing at all, and what ended the line.
 */
export async function readModbusIdentity(unit: number, ask: Ask): Promise<string> {
  for (const { request, idn } of FAMILIES) {
    const answer = await ask(request);
    const text = answer.kind === 'values' ? idn(answer.values) : undefined;
    if (text) return text;
  }
  const answer = await identify(ask);
  if (answer?.kind !== 'identity') return `Modbus,Unit ${unit},,`;
  const field = (id: number): string => (answer.objects.get(id) ?? '').replace(/[^\x20-\x7e]|,/g, ' ').trim();
  return `${field(0)},${field(1)},,${field(2)}`;
}

async function identify(ask: Ask): Promise<ModbusAnswer | undefined> {
  try {
    return await ask({ kind: 'identify' }, IDENTIFY_MS);
  } catch (error) {
    if (error instanceof LabError && error.code === 'transport.timeout') return undefined;
    throw error;
  }
}
