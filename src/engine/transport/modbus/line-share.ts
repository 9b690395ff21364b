import type { LineEnd } from '../../../core/resource-shape.ts';
import { LinePool } from '../line-pool.ts';
import { openSerial } from '../open-serial.ts';
import { openTcp, type TcpOptions } from '../open-tcp.ts';
import type { SerialOptions } from '../serial-options.ts';
import { LineSilence, silenceTimes } from './line-silence.ts';
import { SharedLine } from './line-turn.ts';
import { MODBUS_LIMITS, type ModbusLimits } from './modbus-limits.ts';
import { ModbusLine } from './modbus-line.ts';
import { OwedAnswers } from './owed-answers.ts';

export interface ModbusOptions {
  tcp?: Omit<TcpOptions, 'signal'> | undefined;
  /** Line settings; MODBUS over Serial Line 2.5.1 says 19200 8E1, most instruments 9600 or 115200 8N1. Default 115200 8N1. */
  serial?: Omit<SerialOptions, 'signal'> | undefined;
  modbus?: Partial<ModbusLimits> | undefined;
  signal?: AbortSignal | undefined;
}

const MODBUS_BAUD = 115_200;

const lines = new LinePool<SharedLine>();
/** Of serial lines that ended, by port: what they still owe. */
const debts = new Map<string, OwedAnswers>();

/** Lines open in this process; for tests. */
export function openModbusLines(): number {
  return lines.size;
}

/**
 * The line, opened once for all units on it; options are those of the first that opens it. Dispose to give it back, the last one closes it. Throws the
 * `transport.*` errors of the line, the cancellation of the signal.
 */
export async function shareLine(
  end: LineEnd,
  resource: string,
  options: ModbusOptions,
): Promise<{ shared: SharedLine } & AsyncDisposable> {
  const key = end.kind === 'tcp' ? `tcp ${end.host.toLowerCase()} ${end.port}` : `serial ${end.port}`;
  const share = await lines.share(key, (signal) => open(end, resource, { ...options, signal }), options.signal);
  return { shared: share.value, [Symbol.asyncDispose]: () => share[Symbol.asyncDispose]() };
}

async function open(end: LineEnd, resource: string, options: ModbusOptions): Promise<SharedLine> {
  const { tcp, serial, modbus: limits, signal } = options;
  if (end.kind === 'tcp') {
    const transport = await openTcp({ host: end.host, port: end.port, resource }, { ...tcp, signal });
    return new SharedLine(new ModbusLine(transport, { isTcp: true, limits }));
  }
  const settings = { baudRate: MODBUS_BAUD, ...serial };
  const transport = await openSerial({ port: end.port, resource }, { ...settings, signal });
  const owed = debts.get(end.port) ?? new OwedAnswers();
  const silence = new LineSilence(silenceTimes(settings, { ...MODBUS_LIMITS, ...limits }));
  const line = new ModbusLine(transport, { isTcp: false, limits, owed, silence });
  // The question under way is owed when it learns of the end, which may be later than this.
  void line.closed.then(() => keepDebts(end.port, owed));
  return new SharedLine(line);
}

/** The port opened again is the same wire with the same devices. */
function keepDebts(port: string, owed: OwedAnswers): void {
  for (const [other, { isEmpty }] of debts) if (isEmpty) debts.delete(other);
  debts.set(port, owed);
}
