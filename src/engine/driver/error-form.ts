import type { ErrorsDefinition } from '../../protocol/definition/definition-schema.ts';
import { parseScpiError, type ScpiError } from '../../protocol/scpi-error.ts';
import { parseScpiNumber } from '../../protocol/scpi-number.ts';
import type { Wire } from '../session/session.ts';

/** A queue that never empties is not read for ever. */
const MAX_ERRORS = 40;

/** How a family's complaints are read until nothing is left. Families with no errors at all give none: only the read-back tells. */
export function errorReader(form: ErrorsDefinition): (wire: Wire) => Promise<ScpiError[]> {
  if (form === 'none') return async () => [];
  const read = readerOf(form);
  const ignore = form.ignore === undefined ? undefined : new RegExp(form.ignore);
  return ignore ? async (wire) => (await read(wire)).filter(({ code }) => !ignore.test(String(code))) : read;
}

function readerOf(form: Exclude<ErrorsDefinition, 'none'>): (wire: Wire) => Promise<ScpiError[]> {
  const asks = [form.ask].flat();
  const [ask = ''] = asks;
  if (form.form === 'register') return (wire) => readRegisters(wire, asks, form.words ?? {});
  if (form.form === 'events') return (wire) => readEvents(wire, ask);
  return (wire) => readQueue(wire, ask);
}

async function readQueue(wire: Wire, ask: string): Promise<ScpiError[]> {
  const errors: ScpiError[] = [];
  while (errors.length < MAX_ERRORS) {
    const { text } = await wire.query(ask, undefined, (reply) => parseScpiError(reply) !== undefined);
    const error = parseScpiError(text);
    if (!error || error.code === 0) break;
    errors.push(error);
  }
  return errors;
}

async function readRegisters(wire: Wire, asks: readonly string[], words: Record<string, string>): Promise<ScpiError[]> {
  const errors: ScpiError[] = [];
  for (const ask of asks) errors.push(...(await readRegister(wire, ask, words)));
  return errors;
}

/** One number, cleared by reading (Siglent CMR?, EXR?). Its sign would be taken for a class of SCPI errors: makers count from 1. */
async function readRegister(wire: Wire, ask: string, words: Record<string, string>): Promise<ScpiError[]> {
  const { text } = await wire.query(ask, undefined, (reply) => lastNumber(reply) !== undefined);
  const code = lastNumber(text) ?? 0;
  return code === 0 ? [] : [{ code, message: words[String(code)] ?? `error ${code}`, context: '' }];
}

/** Tektronix: reading *ESR? makes the events of before it readable; ALLEV? gives them as code,"text" pairs (0 and 1: none, or more to come). */
async function readEvents(wire: Wire, ask: string): Promise<ScpiError[]> {
  const { text: status } = await wire.query('*ESR?', undefined, (reply) => lastNumber(reply) !== undefined);
  // Bits 2 to 5: query, device, execution and command error (IEEE 488.2 11.5.1).
  if (((lastNumber(status) ?? 0) & 0x3c) === 0) return [];
  const { text } = await wire.query(ask);
  const errors: ScpiError[] = [];
  for (const [, code = '0', quoted = ''] of text.matchAll(/([+-]?\d+)\s*,\s*"((?:[^"]|"")*)"/g)) {
    if (Number(code) > 1) errors.push({ code: Number(code), message: quoted.replaceAll('""', '"'), context: '' });
  }
  return errors.slice(0, MAX_ERRORS);
}

/** `CMR 1` with headers on, `1` with headers off. */
function lastNumber(text: string): number | undefined {
  return parseScpiNumber(text.trim().split(/\s+/).at(-1) ?? '');
}
