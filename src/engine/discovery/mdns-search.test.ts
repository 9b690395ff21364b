import { createSocket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { networkInterfaces } from 'node:os';
import { Browser } from 'bonjour-service';
import { expect, it } from 'vitest';
import { createDeferred } from '../../core/deferred.ts';
import type { LabError } from '../../core/errors.ts';
import { createMdnsSearch, hearServices } from './mdns-search.ts';

/** A browser of the library, and a network that says what a test wants. */
function network(maxServices: number) {
  const wire = Object.assign(new EventEmitter(), { query: () => {} });
  const browser = new Browser(wire, { type: 'hislip' }, undefined);
  const listed = new Set<string>();
  hearServices(
    [browser],
    { found: ({ resource }) => void listed.add(resource), lost: (resource) => void listed.delete(resource) },
    maxServices,
  );
  const say = (unit: number, ttl = 120): void => {
    const name = `Unit ${unit}._hislip._tcp.local`;
    const host = `unit${unit}.local`;
    wire.emit(
      'response',
      {
        answers: [
          { type: 'PTR', name: '_hislip._tcp.local', ttl, data: name },
          { type: 'SRV', name, ttl, data: { target: host, port: 4880 } },
          { type: 'A', name: host, ttl, data: `10.99.${unit >> 8}.${unit & 255}` },
        ],
        additionals: [],
      },
      { address: '10.99.0.1' },
    );
  };
  return { browser, listed, say };
}

it('a network that floods fills neither list, and who says goodbye makes room', () => {
  const { browser, listed, say } = network(10);
  for (let unit = 1; unit <= 500; unit++) say(unit);
  expect(browser.services).toHaveLength(10);
  expect(listed.size).toBe(10);
  say(3, 0);
  expect(listed.size).toBe(9);
  say(400);
  expect(listed.size).toBe(10);
  expect(browser.services).toHaveLength(10);
});

it('watching says when announcements cannot be heard', async ({ skip }) => {
  const holder = createSocket('udp4');
  const isHeld = await new Promise<boolean>((resolve) => {
    holder.once('error', () => resolve(false));
    holder.bind({ port: 5353, exclusive: true }, () => resolve(true));
  });
  try {
    const hasNetwork = Object.values(networkInterfaces()).some((all) =>
      all?.some(({ family, internal }) => family === 'IPv4' && !internal),
    );
    if (!isHeld || !hasNetwork) skip('mDNS is spoken here by another program, or there is no network');
    const failed = createDeferred<LabError>();
    const place = { signal: new AbortController().signal, found() {}, lost() {}, progress() {} };
    using _ = createMdnsSearch().watch?.(place, failed.resolve);
    expect(await failed.promise).toMatchObject({
      code: 'discovery.unavailable',
      message: expect.stringContaining('5353'),
    });
  } finally {
    if (isHeld) holder.close();
  }
});
