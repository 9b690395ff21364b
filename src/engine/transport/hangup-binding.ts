import { read } from 'node:fs';
import { SerialPort } from 'serialport';

type Binding = typeof SerialPort.binding;
type Port = Awaited<ReturnType<Binding['open']>>;

/** What the binding's ports on Linux and macOS hold; read-only use of two fields of its own. */
interface PolledPort {
  fd: number | null;
  poller: { once(event: 'readable', callback: (error: Error | null) => void): void };
}

/**
 * The binding of `serialport`, but a port that hangs up says so. A terminal whose other side is gone (adapter pulled, pty closed) reads as zero
 * bytes for ever, and the binding then asks again for ever: no error, no close, one thread busy. VMIN is 1, so zero bytes mean nothing else.
 */
export const hangupBinding = {
  list: () => SerialPort.binding.list(),
  async open(options: Parameters<Binding['open']>[0]): Promise<Port> {
    const port = await (SerialPort.binding as { open(options: unknown): Promise<Port> }).open(options);
    if (isPolled(port))
      port.read = (buffer: Buffer, offset: number, length: number) => readOrHangUp(port, buffer, offset, length);
    return port;
  },
} as Binding;

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
    const { fd } = port;
    if (fd === null) throw Object.assign(new Error('Port is not open'), { canceled: true });
    try {
      const bytesRead = await readOnce(fd, buffer, offset, length);
      if (bytesRead > 0) return { bytesRead, buffer };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN' || code === 'EWOULDBLOCK' || code === 'EINTR') {
        // Closed meanwhile: the poller is freed, and asking it would end the process.
        if (port.fd === null) continue;
        await readable(port);
        continue;
      }
      throw port.fd === null
        ? Object.assign(new Error('Port is not open'), { canceled: true })
        : disconnected(code ?? String(error));
    }
    if (port.fd !== null) throw disconnected('hangup');
  }
}

function readOnce(fd: number, buffer: Buffer, offset: number, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, offset, length, null, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead)));
  });
}

function readable(port: PolledPort): Promise<void> {
  return new Promise((resolve, reject) => port.poller.once('readable', (error) => (error ? reject(error) : resolve())));
}

function disconnected(what: string): Error {
  return Object.assign(new Error(`The port hung up (${what})`), { disconnect: true });
}
