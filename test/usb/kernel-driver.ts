import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabError } from '../../src/core/errors.ts';
import { USBTMC_IOCTL, type UsbtmcDriver } from '../../src/engine/transport/usbtmc-file/usbtmc-driver.ts';
import type { MessageConnection, MessageDevice } from '../../src/simulator/wire/message-device.ts';

/** The kernel's driver and an instrument on it. */
export interface KernelDriver {
  readonly driver: UsbtmcDriver;
  readonly path: string;
  /** Requests of ioctl so far. */
  readonly requests: number[];
  /** Its file vanishes, and calls end with ENODEV. */
  unplug(): void;
  /** Plugged in again after `unplug`; else nothing. */
  plugIn(): void;
  dispose(): void;
}

/**
 * The kernel's USBTMC driver with an instrument behind it, as far as its calls show: one at a time for a file, calls that end with ETIMEDOUT, EOM of
 * the last transfer by ioctl, ENODEV once unplugged. The file is a real one, so that its vanishing and its handles are.
 */
export function createKernelDriver(device: MessageDevice): KernelDriver {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-usbtmc-'));
  const path = join(folder, 'usbtmc0');
  writeFileSync(path, '');
  const requests: number[] = [];
  const files = new Map<number, KernelFile>();
  let unplugged = new AbortController();
  const unplug = (from: AbortController): void => {
    if (from !== unplugged) return;
    from.abort();
    rmSync(path, { force: true });
  };
  const need = (file: number): KernelFile => files.get(file) ?? fail('EBADF');
  const driver: UsbtmcDriver = {
    async open() {
      const file = openSync(path, 'r+');
      const plug = unplugged;
      files.set(
        file,
        new KernelFile(
          device.connect(() => unplug(plug)),
          plug.signal,
        ),
      );
      return file;
    },
    read: (file, into) => need(file).read(into),
    write: (file, bytes) => need(file).write(bytes),
    async ioctl(file, request, argument = new Uint8Array(0)) {
      requests.push(request);
      need(file).ioctl(request, argument);
    },
    close(file) {
      need(file).close();
      files.delete(file);
      closeSync(file);
    },
  };
  return {
    driver,
    path,
    requests,
    unplug: () => unplug(unplugged),
    plugIn() {
      if (!unplugged.signal.aborted) return;
      unplugged = new AbortController();
      writeFileSync(path, '');
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** One opened file: the state the driver keeps for it. */
class KernelFile {
  readonly #connection: MessageConnection;
  readonly #unplugged: AbortSignal;
  #timeoutMs = 5000;
  #isEomOn = true;
  #wasEom = false;
  #termChar: number | undefined;

  constructor(connection: MessageConnection, unplugged: AbortSignal) {
    this.#connection = connection;
    this.#unplugged = unplugged;
  }

  async read(into: Uint8Array): Promise<number> {
    const part = await this.#inTime((signal) =>
      this.#connection.read({ max: into.length, termChar: this.#termChar, signal }),
    );
    into.set(part.bytes);
    this.#wasEom = part.end;
    return part.bytes.length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#inTime(() => this.#connection.write(bytes.slice(), this.#isEomOn));
    return bytes.length;
  }

  ioctl(request: number, argument: Uint8Array): void {
    const [first = 0, second = 0] = argument;
    if (this.#unplugged.aborted) throw new LabError('transport.failed', 'The driver refuses the request.');
    const owner = this.#connection;
    if (request === USBTMC_IOCTL.setTimeout) this.#timeoutMs = first | (second << 8);
    else if (request === USBTMC_IOCTL.getCapabilities) argument[0] = 7;
    else if (request === USBTMC_IOCTL.eomEnable) this.#isEomOn = first === 1;
    else if (request === USBTMC_IOCTL.configTermChar) this.#termChar = second === 1 ? first : undefined;
    else if (request === USBTMC_IOCTL.messageInAttributes) argument[0] = this.#wasEom ? 1 : 0;
    else if (request === USBTMC_IOCTL.readStatusByte) argument[0] = owner.serialPoll();
    else if (request === USBTMC_IOCTL.clear) owner.clear();
    else if (request === USBTMC_IOCTL.trigger) owner.trigger();
    else if (request === USBTMC_IOCTL.goToLocal) owner.remoteLocal('local');
    else if (request === USBTMC_IOCTL.renControl) owner.remoteLocal(first === 1 ? 'remote' : 'local');
    else if (request === USBTMC_IOCTL.localLockout) owner.remoteLocal('lockout');
  }

  close(): void {
    this.#connection.closed();
  }

  /** What takes longer than the timeout ends with ETIMEDOUT; unplugging ends everything. */
  async #inTime<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#unplugged.aborted) fail('ENODEV');
    const controller = new AbortController();
    const end = (): void => controller.abort();
    const timer = setTimeout(end, this.#timeoutMs);
    this.#unplugged.addEventListener('abort', end);
    try {
      const ended = new Promise<never>((_, reject) => {
        controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
      });
      return await Promise.race([task(controller.signal), ended]);
    } catch {
      return fail(this.#unplugged.aborted ? 'ENODEV' : 'ETIMEDOUT');
    } finally {
      clearTimeout(timer);
      this.#unplugged.removeEventListener('abort', end);
    }
  }
}

function fail(code: string): never {
  throw Object.assign(new Error(code), { code });
}
