import { closeSync, open, read, write } from 'node:fs';
import { promisify } from 'node:util';
import { LabError } from '../../../core/errors.ts';

const openFile = promisify(open);
const readFile = promisify(read);
const writeFile = promisify(write);

/** Requests of the kernel's driver (Linux include/uapi/linux/usb/tmc.h): `_IO`, `_IOR` and `_IOW` of 91. */
export const USBTMC_IOCTL = {
  clear: 0x5b02,
  abortBulkIn: 0x5b04,
  setTimeout: 0x40045b0a,
  eomEnable: 0x40015b0b,
  configTermChar: 0x40025b0c,
  getCapabilities: 0x80015b11,
  readStatusByte: 0x80015b12,
  renControl: 0x40015b13,
  goToLocal: 0x5b14,
  localLockout: 0x5b15,
  trigger: 0x5b16,
  messageInAttributes: 0x80015b18,
  autoAbort: 0x40015b19,
} as const;

/**
 * The calls of the system that the transport makes; another in tests, because a computer without the instrument has no such file. All block at
 * most as long as the driver's timeout, on threads of the pool.
 */
export interface UsbtmcDriver {
  open(path: string): Promise<number>;
  /** Bytes read. Throws the system's error (`ETIMEDOUT`, `ENODEV`). */
  read(file: number, into: Uint8Array): Promise<number>;
  write(file: number, bytes: Uint8Array): Promise<number>;
  /** `argument` is read or written by the driver. Throws `transport.failed` if it refuses. */
  ioctl(file: number, request: number, argument?: Uint8Array): Promise<void>;
  close(file: number): void;
}

/** The kernel's driver. */
export const kernelUsbtmc: UsbtmcDriver = {
  open: (path) => openFile(path, 'r+'),
  async read(file, into) {
    const { bytesRead } = await readFile(file, into, 0, into.length, null);
    return bytesRead;
  },
  async write(file, bytes) {
    const { bytesWritten } = await writeFile(file, bytes, 0, bytes.length, null);
    return bytesWritten;
  },
  async ioctl(file, request, argument) {
    const status = await (await loadIoctl())(file, request, argument);
    if (status >= 0) return;
    const message = `The kernel's USBTMC driver refuses request 0x${request.toString(16)}. The instrument may be gone, or does not know it.`;
    throw new LabError('transport.failed', message, { request });
  },
  close: (file) => closeSync(file),
};

let ioctl: Promise<(file: number, request: number, argument?: Uint8Array) => Promise<number>> | undefined;

function loadIoctl(): NonNullable<typeof ioctl> {
  ioctl ??= import('koffi').then(({ default: koffi }) => {
    const native = koffi.load(null).func('int ioctl(int file, unsigned long request, uint8_t *argument)');
    return (file, request, argument) =>
      new Promise((resolve, reject) => {
        native.async(file, request, argument ?? null, (error: unknown, status: number) => {
          if (error) reject(error);
          else resolve(status);
        });
      });
  });
  return ioctl;
}
