import type { AttachOptions, LineSettings, Termination } from '../../contract/discovery-schema.ts';
import type { ReadTermination } from '../../protocol/scpi-line.ts';
import type { FamilyLine } from '../driver/driver.ts';
import type { SessionOptions } from '../session/session-options.ts';
import type { SerialOptions } from '../transport/open-serial.ts';

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

/**
 * Line settings as the serial way takes them. No system offers DTR/DSR handshake: with `dsrdtr` both modem lines are raised, which tells the instrument that it may always
 * send; what it is sent are single messages, shorter than its buffer.
 */
export function serialOptions({ flow, dtr, rts, ...line }: LineSettings): SerialOptions {
  return {
    ...line,
    ...(flow === 'dsrdtr' ? { lines: { dtr: true, rts: true } } : {}),
    ...(flow === 'rtscts' ? { rtscts: true } : {}),
    ...(flow === 'xonxoff' ? { xon: true, xoff: true } : {}),
    ...(dtr === undefined && rts === undefined ? {} : { lines: { dtr: dtr ?? true, rts: rts ?? true } }),
  };
}

function present<T extends object>(value: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, field]) => field !== undefined)) as Partial<T>;
}
