import { afterEach, expect, it } from 'vitest';
import { ABORT_PROCEDURES, VXI11_ABORT } from '../../../protocol/vxi11.ts';
import { RpcProgram } from '../../../simulator/wire/rpc-program.ts';
import { openRpcServer, type RpcServer } from '../../../simulator/wire/rpc-server.ts';
import { AbortChannel } from './abort-channel.ts';

const servers: RpcServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function serve(service: RpcProgram): Promise<{ server: RpcServer; accepted: () => number }> {
  let accepted = 0;
  const accept = () => {
    accepted++;
    return { service, closed: () => {} };
  };
  const server = await openRpcServer({ port: 0, accept });
  servers.push(server);
  return { server, accepted: () => accepted };
}

it('one connection for all aborts', async () => {
  const aborted: number[] = [];
  const service = new RpcProgram(VXI11_ABORT).on(ABORT_PROCEDURES.abort, ({ lid }) => {
    aborted.push(lid);
    return { error: 0 };
  });
  const { server, accepted } = await serve(service);
  await using channel = new AbortChannel({ host: '127.0.0.1', port: server.port, resource: 'X' });
  await channel.abort(1);
  await channel.abort(2);
  expect([aborted, accepted()]).toEqual([[1, 2], 1]);
});

it('an instrument that refuses the abort is not asked again, and no connection is left over', async () => {
  const { server, accepted } = await serve(new RpcProgram(VXI11_ABORT));
  const channel = new AbortChannel({ host: '127.0.0.1', port: server.port, resource: 'X' });
  for (let tries = 0; tries < 3; tries++) await channel.abort(1);
  await channel[Symbol.asyncDispose]();
  expect(accepted()).toBe(1);
  await expect.poll(() => server.connections).toBe(0);
});
