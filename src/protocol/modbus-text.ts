import { LabError } from '../core/errors.ts';
import { type ModbusRequest, type ModbusTable, READ_LIMITS, WRITE_LIMITS } from './modbus.ts';

/** One step of a text message. */
export type ModbusStep = { kind: 'idn' } | ModbusRequest;

const TABLES: Record<string, ModbusTable> = { HOLD: 'holding', INP: 'input', COIL: 'coil', DISC: 'discrete' };
const MAX_STEPS = 32;

/**
 * A message in words, so that an instrument that speaks Modbus has a console, a trace and drivers like all others (docs/protocols/modbus.md):
 *
 *     HOLD? start[,count]     holding registers (function 3)          HOLD start,value[,value…]    write them (6, several: 16)
 *     INP?  start[,count]     input registers (4)                     COIL start,value[,value…]    write coils, 0 or 1 (5, several: 15)
 *     COIL? start[,count]     coils (1)                               *IDN?                        who is there
 *     DISC? start[,count]     discrete inputs (2)
 *
 * Steps are joined by `;`, numbers are decimal or 0x…, counted from 0 as on the wire. Throws `call.invalid` with what was expected.
 */
export function parseModbusMessage(text: string): ModbusStep[] {
  const steps = text
    .split(';')
    .map((step) => step.trim())
    .filter((step) => step !== '')
    .map(parseStep);
  if (steps.length > MAX_STEPS) throw invalid(text, `at most ${MAX_STEPS} steps go into one message`);
  return steps;
}

/** Whether a step is answered. */
export function isAsking(step: ModbusStep): boolean {
  return step.kind === 'read' || step.kind === 'idn' || step.kind === 'identify';
}

function parseStep(text: string): ModbusStep {
  if (/^\*IDN\?$/i.test(text)) return { kind: 'idn' };
  const [, word = '', question = '', rest = ''] = /^([A-Z]+)(\?)?\s+(.*)$/i.exec(text) ?? [];
  const table = TABLES[word.toUpperCase()];
  if (!table) throw invalid(text, 'expected HOLD?, INP?, COIL?, DISC?, HOLD, COIL or *IDN?');
  const [start = Number.NaN, ...values] = rest.split(',').map((part) => parseNumber(text, part));
  if (question === '?') {
    const [count = 1] = values;
    if (values.length > 1) throw invalid(text, 'a question is a start and a count');
    if (count < 1 || count > READ_LIMITS[table]) throw invalid(text, `1 to ${READ_LIMITS[table]} can be read at once`);
    if (start + count > 0x1_0000) throw invalid(text, 'addresses end at 65535');
    return { kind: 'read', table, start, count };
  }
  if (table !== 'holding' && table !== 'coil') throw invalid(text, `${word.toUpperCase()} can only be read`);
  if (values.length < 1 || values.length > WRITE_LIMITS[table]) {
    throw invalid(text, `a start and 1 to ${WRITE_LIMITS[table]} values`);
  }
  if (table === 'coil' && values.some((value) => value > 1)) throw invalid(text, 'a coil is 0 or 1');
  if (start + values.length > 0x1_0000) throw invalid(text, 'addresses end at 65535');
  return { kind: 'write', table, start, values };
}

function parseNumber(text: string, part: string): number {
  const trimmed = part.trim();
  const value = /^(\d{1,5}|0x[0-9a-f]{1,4})$/i.test(trimmed) ? Number(trimmed) : Number.NaN;
  if (value >= 0 && value <= 0xffff) return value;
  throw invalid(text, `'${trimmed}' is no whole number from 0 to 65535`);
}

function invalid(text: string, why: string): LabError {
  return new LabError('call.invalid', `'${text.slice(0, 60)}' is no Modbus message: ${why}. Nothing was sent.`);
}
