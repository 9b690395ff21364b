import net from 'node:net';
import { createDeferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import { fromOsError } from '../os-error.ts';
import { cancellation } from '../read-buffer.ts';
import { HislipChannel } from './hislip-channel.ts';
import type { HislipOptions, HislipTarget } from './hislip-options.ts';
import { noAnswer } from './hislip-words.ts';

/** Connects one channel. Throws `transport.refused`, `.not-found`, `.unreachable`, `.failed`, or the cancellation; nothing stays open then. */
export function connectChannel(target: HislipTarget, options: HislipOptions): Promise<HislipChannel> {
  const { connectTimeoutMs = 5000, keepAliveMs = 15_000, signal } = options;
  const { promise, resolve, reject } = createDeferred<HislipChannel>();
  if (signal?.aborted) return Promise.reject(cancellation(signal));
  const socket = net.connect({
    host: hostOf(target),
    port: target.port,
    // IVI-6.1 6.1: small messages must not wait for others.
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  });
  const fail = (error: LabError): void => {
    settle();
    socket.on('error', () => {});
    socket.destroy();
    reject(error);
  };
  const where = `${target.host} port ${target.port}`;
  const onAbort = (): void => fail(signal ? cancellation(signal) : noAnswer(target.resource, '', 0));
  const onError = (error: Error): void => fail(fromOsError(error, target.resource, `Cannot connect to ${where}`));
  const timer = setTimeout(() => {
    const text = `No answer from ${where} within ${connectTimeoutMs} ms. Nothing is open. Check the address, the cable and firewalls.`;
    fail(new LabError('transport.unreachable', text, { resource: target.resource }));
  }, connectTimeoutMs);
  const settle = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    socket.off('error', onError);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  socket.once('error', onError);
  socket.once('connect', () => {
    settle();
    resolve(new HislipChannel(socket, target, options));
  });
  return promise;
}

/** The host without the brackets of IPv6. */
export function hostOf(target: HislipTarget): string {
  return target.host.replace(/^\[(.*)\]$/, '$1');
}
