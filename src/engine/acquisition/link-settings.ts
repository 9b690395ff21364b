import type { AttachOptions, LineSettings, Termination } from '../../contract/discovery-schema.ts';
import type { ReadTermination } from '../../protocol/scpi-line.ts';
import type { FamilyLine } from '../driver/driver.ts';
import type { SessionOptions } from '../session/session-options.ts';
import type { SerialOptions } from '../transport/serial-options.ts';

const WRITE: Record<Termination, string> = { lf: '\n', cr: '\r', crlf: '\r\n', none: '' };
/** LF is found with or without a CR before it. `none`: the family frames its replies itself (`takeWire`); what ends by LF is still found. */
const READ: Record<Termination, ReadTermination> = { lf: 'lf', cr: 'cr', crlf: 'lf', none: 'lf' };

/** What a person set, over what the family wants, as the session and the way take it. */
export function linkSettings(
  options: AttachOptions = {},
  family: FamilyLine = {},
): Pick<SessionOptions, 'transport' | 'writeTermination' | 'readTermination'> & { limits: { paceMs?: number } } {
  const line = { ...family.line, ...present(options.line) };
  const writeTermination = options.writeTermination ?? family.writeTermination;
  const readTermination = options.readTermination ?? family.readTermination;
  const paceMs = options.paceMs ?? family.paceMs;
  return {
    transport: { serial: serialOptions(line) },
    ...(writeTermination === undefined ? {} : { writeTermination: WRITE[writeTermination] }),
    ...(readTermination === undefined ? {} : { readTermination: READ[readTermination] }),
    limits: paceMs === undefined ? {} : { paceMs },
  };
}

/** What of a family's line is taken up when the family was found by an answer: not rate and frame, because it has just answered by those there are. */
export function answeredLine({ line = {}, ...ends }: FamilyLine): FamilyLine {
  const { flow, dtr, rts, bytePaceMs, clear } = line;
  return { ...ends, line: { flow, dtr, rts, bytePaceMs, clear } };
}

/** Line settings as the serial way takes them. */
export function serialOptions({ flow, dtr, rts, ...line }: LineSettings): SerialOptions {
  return {
    ...present(line),
    ...(flow === 'dsrdtr' ? { dsrdtr: true } : {}),
    ...(flow === 'rtscts' ? { rtscts: true } : {}),
    ...(flow === 'xonxoff' ? { xon: true, xoff: true } : {}),
    ...(dtr === undefined && rts === undefined ? {} : { lines: { dtr: dtr ?? true, rts: rts ?? true } }),
  };
}

function present<T extends object>(value: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, field]) => field !== undefined)) as Partial<T>;
}
