import { readSync, writeSync } from 'node:fs';
import { SerialPort } from 'serialport';

type Binding = typeof SerialPort.binding;
type Port = Awaited<ReturnType<Binding['open']>>;

/** What the binding's ports on Linux and macOS hold; read-only use of two fields of its own. */
interface PolledPort {
  fd: number | null;
  poller: { once(event: 'readable', callback: (error: Error | null) => void): void };
}

/**
 * The binding of `serialport`, with two things changed on Linux and macOS.
 *
 * A port that hangs up says so. A terminal whose other side is gone (adapter pulled, pty closed) reads as zero bytes for ever, and the binding then
 * asks again for ever: no error, no close, one thread busy. VMIN is 1, so zero bytes mean nothing else.
 *
 * Bytes that the system has, or takes, are read and written at once: its descriptor never blocks, and a trip to a worker thread and back (the binding
 * makes three for a short answer) takes longer than all else.
 */
export const hangupBinding = {
  list: () => SerialPort.binding.list(),
  async open(options: Parameters<Binding['open']>[0]): Promise<Port> {
    const port = await (SerialPort.binding as { open(options: unknown): Promise<Port> }).open(options);
    if (!isPolled(port)) return port;
    const write = port.write.bind(port);
    port.read = (buffer: Buffer, offset: number, length: number) => readOrHangUp(port, buffer, offset, length);
    port.write = (buffer: Buffer) => {
      const taken = writeAtOnce(port.fd, buffer);
      return taken === buffer.length ? DONE : write(buffer.subarray(taken));
    };
    return port;
  },
} as Binding;

const DONE = Promise.resolve();

function isPolled(port: Port): port is Port & PolledPort {
  return 'poller' in port && 'fd' in port;
}

/** `BindingInterface.read`: resolves with at least one byte; rejects with `canceled` when closed here, with `disconnect` at a hangup. */
async function readOrHangUp(
  port: PolledPort,
  buffer: Buffer,
  offset: number,
  length: number,
): Promise<{ bytesRead: number; buffer: Buffer }> {
  for (;;) {
    // Closed: the poller is freed, and asking it would end the process.
    if (port.fd === null) throw Object.assign(new Error('Port is not open'), { canceled: true });
    await readable(port);
    const { fd } = port;
    if (fd === null) continue;
    const bytesRead = readAtOnce(fd, buffer, offset, length);
    if (bytesRead === 0) throw disconnected('hangup');
    if (bytesRead !== undefined) return { bytesRead, buffer };
  }
}

/** How many bytes there were; 0: the line hung up; undefined: none yet. */
function readAtOnce(fd: number, buffer: Buffer, offset: number, length: number): number | undefined {
  try {
    return readSync(fd, buffer, offset, length, null);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN' || code === 'EWOULDBLOCK' || code === 'EINTR') return undefined;
    throw disconnected(code ?? String(error));
  }
}

/** How many bytes the system took; whatever keeps it from taking more is for the binding to say. */
function writeAtOnce(fd: number | null, buffer: Buffer): number {
  try {
    return fd === null ? 0 : writeSync(fd, buffer);
  } catch {
    return 0;
  }
}

function readable(port: PolledPort): Promise<void> {
  return new Promise((resolve, reject) => port.poller.once('readable', (error) => (error ? reject(error) : resolve())));
}

function disconnected(what: string): Error {
  return Object.assign(new Error(`The port hung up (${what})`), { disconnect: true });
}
