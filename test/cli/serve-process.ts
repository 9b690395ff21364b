import { WebSocket } from 'ws';
import type { Client } from '../../src/contract/client.ts';
import { connect, greet } from '../../src/contract/client.ts';
import { openSocketLink, socketAddress } from '../../src/contract/socket-link.ts';
import { readAnnouncement } from '../../src/engine/state/data-folder.ts';
import { LabwireProcess } from './labwire-process.ts';

/** `labwire serve` on a data folder, and the address it printed. */
export interface ServeProcess {
  host: LabwireProcess;
  url: URL;
  token: string;
}

export async function startServe(
  dataFolder: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<ServeProcess> {
  const host = new LabwireProcess(['serve', '--no-open', '--json', '--data', dataFolder, ...args], env);
  const [line = ''] = await host.lines(1);
  const url = new URL((JSON.parse(line) as { url: string }).url);
  return { host, url, token: url.hash.replace('#token=', '') };
}

/** The process of the engine, which is a child of the host. */
export async function enginePid(dataFolder: string): Promise<number> {
  const { pid } = (await readAnnouncement(dataFolder)) ?? {};
  if (pid === undefined) throw new Error(`no engine runs on ${dataFolder}`);
  return pid;
}

export function socketTo(url: URL, token: string): WebSocket {
  return new WebSocket(...socketAddress(url.href, token), { origin: url.origin });
}

export async function screenOf(url: URL, token: string, name = 'test'): Promise<Client> {
  const client = connect(await openSocketLink(socketTo(url, token)));
  await greet(client, name);
  return client;
}
