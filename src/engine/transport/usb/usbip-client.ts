import net from 'node:net';
import { ByteQueue } from '../../../core/byte-queue.ts';
import { LabError } from '../../../core/errors.ts';
import {
  encodeImportRequest,
  encodeListRequest,
  takeImportReply,
  takeListReply,
  type UsbipListed,
} from '../../../protocol/usbip.ts';
import { fromOsError } from '../os-error.ts';
import { cancellation } from '../read-buffer.ts';
import { goneError, transferTimeout } from './usb-error.ts';
import { UsbipConnection } from './usbip-connection.ts';

export interface UsbipHost {
  host: string;
  port: number;
}

export interface UsbipOptions {
  /** Longest wait for the connection and for each answer before a device is imported; default 5000. */
  connectTimeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** The devices an exporter offers. Throws `transport.*`, `protocol.malformed`, the cancellation of the signal. */
export async function listUsbipExports(target: UsbipHost, options: UsbipOptions = {}): Promise<UsbipListed[]> {
  const socket = await connect(target, options);
  try {
    socket.write(encodeListRequest());
    return await receive(socket, target, options, takeListReply);
  } finally {
    socket.destroy();
  }
}

/** Imports a device. Throws `transport.busy` if the exporter refuses, else as `listUsbipExports`; nothing stays open then. */
export async function importUsbipDevice(
  target: UsbipHost,
  busId: string,
  resource: string,
  options: UsbipOptions = {},
): Promise<UsbipConnection> {
  const socket = await connect(target, options);
  try {
    socket.write(encodeImportRequest(busId));
    const { device } = await receive(socket, target, options, takeImportReply);
    if (device) return new UsbipConnection(socket, device, resource);
    const message = `${target.host} does not give out its USB device ${busId}. Nothing is open. Another client uses it, or it was unplugged there.`;
    throw new LabError('transport.busy', message, { busId });
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function connect(target: UsbipHost, { connectTimeoutMs = 5000, signal }: UsbipOptions): Promise<net.Socket> {
  const host = target.host.replace(/^\[(.*)\]$/, '$1');
  const place = `${target.host} port ${target.port}`;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancellation(signal));
    const socket = net.connect({
      host,
      port: target.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 15_000,
    });
    const settle = (error?: LabError): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      if (error) {
        socket.on('error', () => {});
        socket.destroy();
        reject(error);
      } else resolve(socket);
    };
    const onAbort = (): void => settle(signal && cancellation(signal));
    const onError = (error: Error): void => settle(fromOsError(error, place, `No USB/IP exporter at ${place}`));
    const timer = setTimeout(() => {
      const message = `No answer from ${place} within ${connectTimeoutMs} ms. Nothing is open. Check the address, the cable and firewalls.`;
      settle(new LabError('transport.unreachable', message, { host: target.host, port: target.port }));
    }, connectTimeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError);
    socket.once('connect', () => settle());
  });
}

/** One message of the opening conversation; the socket is quiet again afterwards. */
function receive<T>(
  socket: net.Socket,
  target: UsbipHost,
  { connectTimeoutMs = 5000, signal }: UsbipOptions,
  take: (queue: ByteQueue) => T | undefined,
): Promise<T> {
  const queue = new ByteQueue({ limitBytes: 4 * 1024 * 1024 });
  const place = `${target.host} port ${target.port}`;
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.pause();
      socket.off('data', onData).off('error', onError).off('end', onEnd).off('close', onEnd);
    };
    const fail = (error: LabError): void => {
      finish();
      socket.on('error', () => {});
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      try {
        queue.push(chunk);
        const message = take(queue);
        if (message === undefined) return;
        finish();
        resolve(message);
      } catch (error) {
        fail(LabError.from(error));
      }
    };
    const onError = (error: Error): void => fail(fromOsError(error, place, `The USB/IP connection to ${place} broke`));
    const onEnd = (): void => fail(goneError(place, 'The USB/IP exporter ended the connection'));
    const onAbort = (): void => {
      if (signal) fail(cancellation(signal));
    };
    const timer = setTimeout(() => fail(transferTimeout(connectTimeoutMs)), connectTimeoutMs);
    socket.on('data', onData).on('error', onError).on('end', onEnd).on('close', onEnd);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
