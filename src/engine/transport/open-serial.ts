import { SerialPort } from 'serialport';
import { LabError } from '../../core/errors.ts';
import { hangupBinding } from './hangup-binding.ts';
import { fromOsError } from './os-error.ts';
import { cancellation } from './read-buffer.ts';
import type { SerialOptions } from './serial-options.ts';
import { SerialTransport } from './serial-transport.ts';
import type { Transport } from './transport.ts';

/**
 * Opens a serial port. `port` is a path, a COM name, or a VISA board number (ASRL1 is COM1, on Linux /dev/ttyS0).
 * Throws `transport.not-found`, `transport.denied`, `transport.busy`, `transport.unsupported`, `transport.failed`; nothing stays open then.
 */
export async function openSerial(
  target: { port: string; resource: string },
  options: SerialOptions = {},
): Promise<Transport> {
  const { signal } = options;
  if (signal?.aborted) throw cancellation(signal);
  const path = devicePath(target.port);
  const port = await openPort(path, target.resource, options);
  const transport = new SerialTransport(port, target.resource, options);
  try {
    await prepare(transport, options);
  } catch (error) {
    await transport[Symbol.asyncDispose]();
    throw error;
  }
  return transport;
}

function openPort(path: string, resource: string, options: SerialOptions): Promise<SerialPort> {
  const doing = `Cannot open ${path}`;
  return new Promise((resolve, reject) => {
    try {
      const port = new SerialPort({
        binding: hangupBinding,
        path,
        baudRate: options.baudRate ?? 9600,
        dataBits: options.dataBits ?? 8,
        stopBits: options.stopBits ?? 1,
        parity: options.parity ?? 'none',
        rtscts: options.rtscts ?? false,
        xon: options.xon ?? false,
        xoff: options.xoff ?? false,
        hupcl: options.hupcl ?? true,
        autoOpen: false,
      });
      // Opening cannot be cancelled in the binding: what is opened too late is closed by the caller's abort below.
      port.open((error) => {
        if (error) reject(fromOsError(error, resource, doing));
        else if (options.signal?.aborted) {
          const reason = cancellation(options.signal);
          port.close(() => reject(reason));
        } else resolve(port);
      });
    } catch (error) {
      reject(
        new LabError('transport.unsupported', `${doing}: ${String(error)}. Check the line settings.`, { resource }),
      );
    }
  });
}

async function prepare(transport: SerialTransport, options: SerialOptions): Promise<void> {
  // CDC-ACM devices without break support refuse every change of lines; the port works all the same.
  if (options.lines) await transport.control.setModemLines?.(options.lines).catch((error) => transport.remark(error));
  if (options.dsrdtr) await transport.watchReady();
  if (options.settleMs) await transport.drop(options.settleMs, options.signal);
}

/** VISA board numbers are COM numbers, on Linux counted from /dev/ttyS0. */
function devicePath(port: string): string {
  if (!/^\d+$/.test(port)) return port;
  return process.platform === 'win32' ? `COM${Number(port)}` : `/dev/ttyS${Math.max(0, Number(port) - 1)}`;
}
