import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { LabwireAuth } from '../../src/lab/labwire/auth.ts';
import { RestClient } from '../../src/lab/rest-client.ts';

test('a server that stumbles over a renewal costs no login; one that refuses it ends it', async () => {
  let status = 503;
  const http = createServer((_request, response) => {
    const body = status === 200 ? { access_token: 'new', refresh_token: 'next' } : { detail: 'no' };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const ports = createNodePorts(createSystemClock());
  onTestFinished(() => {
    ports[Symbol.dispose]();
    http.close();
  });
  const kept: (string | undefined)[] = [];
  const rest = new RestClient(ports, { base: `http://127.0.0.1:${(http.address() as AddressInfo).port}` });
  const auth = new LabwireAuth(() => rest, { session: 'kept', onSession: (session) => kept.push(session) });

  await expect(auth.renew(undefined)).rejects.toMatchObject({ code: 'server.unreachable' });
  expect(auth.canRenew).toBe(true);
  expect(kept).toEqual([]);
  status = 200;
  await auth.renew(undefined);
  expect([auth.token, kept]).toEqual(['new', ['next']]);
  status = 401;
  await expect(auth.renew(undefined)).rejects.toMatchObject({ code: 'server.unauthorized' });
  expect([auth.canRenew, kept]).toEqual([false, ['next', undefined]]);
});
