import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { USBTMC_IOCTL, type UsbtmcDriver } from '../../src/engine/transport/usbtmc-file/usbtmc-driver.ts';
import type { MessageConnection, MessageDevice } from '../../src/simulator/wire/message-device.ts';

/**
 * The kernel's USBTMC driver with an instrument behind it, as far as its calls show: one at a time for a file, reads that end with ETIMEDOUT, EOM of
 * the last transfer by ioctl, ENODEV once unplugged. The file is a real one, so that its vanishing is.
 */
export function createKernelDriver(device: MessageDevice): {
  driver: UsbtmcDriver;
  path: string;
  requests: number[];
  unplug(): void;
  dispose(): void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-usbtmc-'));
  const path = join(folder, 'usbtmc0');
  writeFileSync(path, '');
  const requests: number[] = [];
  const unplugged = new AbortController();
  let connection: MessageConnection | undefined;
  let timeoutMs = 5000;
  let isEomOn = true;
  let wasEom = false;
  let termChar: number | undefined;
  const fail = (code: string): never => {
    throw Object.assign(new Error(code), { code });
  };
  const need = (): MessageConnection => connection ?? fail('ENODEV');
  const driver: UsbtmcDriver = {
    async open() {
      connection = device.connect(() => unplug());
      return 3;
    },
    async read(_file, into) {
      const controller = new AbortController();
      const end = (): void => controller.abort();
      const timer = setTimeout(end, timeoutMs);
      unplugged.signal.addEventListener('abort', end);
      try {
        const part = await need().read({ max: into.length, termChar, signal: controller.signal });
        into.set(part.bytes);
        wasEom = part.end;
        return part.bytes.length;
      } catch {
        return fail(unplugged.signal.aborted ? 'ENODEV' : 'ETIMEDOUT');
      } finally {
        clearTimeout(timer);
        unplugged.signal.removeEventListener('abort', end);
      }
    },
    async write(_file, bytes) {
      await need().write(bytes.slice(), isEomOn);
      return bytes.length;
    },
    async ioctl(_file, request, argument = new Uint8Array(0)) {
      requests.push(request);
      const [first = 0, second = 0] = argument;
      const owner = need();
      if (request === USBTMC_IOCTL.setTimeout) timeoutMs = first | (second << 8);
      else if (request === USBTMC_IOCTL.getCapabilities) argument[0] = 7;
      else if (request === USBTMC_IOCTL.eomEnable) isEomOn = first === 1;
      else if (request === USBTMC_IOCTL.configTermChar) termChar = second === 1 ? first : undefined;
      else if (request === USBTMC_IOCTL.messageInAttributes) argument[0] = wasEom ? 1 : 0;
      else if (request === USBTMC_IOCTL.readStatusByte) argument[0] = owner.serialPoll();
      else if (request === USBTMC_IOCTL.clear) owner.clear();
      else if (request === USBTMC_IOCTL.trigger) owner.trigger();
      else if (request === USBTMC_IOCTL.goToLocal) owner.remoteLocal('local');
      else if (request === USBTMC_IOCTL.renControl) owner.remoteLocal(first === 1 ? 'remote' : 'local');
      else if (request === USBTMC_IOCTL.localLockout) owner.remoteLocal('lockout');
    },
    close() {
      connection?.closed();
      connection = undefined;
    },
  };
  const unplug = (): void => {
    unplugged.abort();
    rmSync(path, { force: true });
  };
  return { driver, path, requests, unplug, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}
