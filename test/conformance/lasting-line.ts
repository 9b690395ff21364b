import { open } from 'node:fs/promises';
import { SerialPort } from 'serialport';
import type { Accept } from '../../src/simulator/wire/device-wire.ts';
import { openPtyPair } from './pty-pair.ts';

/** A serial line with an instrument on it that stays the same however often its port is opened and closed, as a real one does. */
export interface LastingLine extends AsyncDisposable {
  /** The port of the client. */
  readonly path: string;
}

export async function openLastingLine(accept: Accept): Promise<LastingLine> {
  const pair = await openPtyPair();
  // A pseudo-terminal that nobody has open hangs up on the other side; a port does not.
  const held = await open(pair.ours, 'r+');
  const port = new SerialPort({ path: pair.theirs, baudRate: 115_200, autoOpen: false });
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  port.on('error', () => {});
  const connection = accept({
    pendingBytes: 0,
    send: (bytes) => new Promise((resolve) => port.write(Buffer.from(bytes), () => resolve())),
    cut: () => {},
  });
  let working = Promise.resolve();
  port.on('data', (bytes: Buffer) => {
    working = working.then(() => connection.receive(bytes));
  });
  return {
    path: pair.ours,
    async [Symbol.asyncDispose]() {
      await working;
      connection.closed();
      await new Promise((resolve) => port.close(resolve));
      await held.close();
      await pair[Symbol.asyncDispose]();
    },
  };
}
