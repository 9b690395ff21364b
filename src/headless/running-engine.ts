import { WebSocket } from 'ws';
import type { CallOutput } from '../contract/calls.ts';
import type { Client } from '../contract/client.ts';
import { connect, greet } from '../contract/client.ts';
import type { Link } from '../contract/link.ts';
import { openSocketLink, socketAddress } from '../contract/socket-link.ts';
import { LabError } from '../core/errors.ts';
import type { Announcement } from '../engine/state/data-folder.ts';
import { readAnnouncement } from '../engine/state/data-folder.ts';

/** The engine that runs on a data folder, reached. */
export interface RunningEngine {
  client: Client;
  hello: CallOutput<'engine.hello'>;
  pid: number;
  /** Its page with the token in the fragment. */
  pageUrl: string;
}

const ANSWER_LIMIT_MS = 5_000;
/** An engine that has locked its folder needs that long at most to say where it listens. */
const ANNOUNCE_LIMIT_MS = 5_000;
const LOOK_AGAIN_MS = 50;

/** Reaches the engine of a data folder; undefined when none answers. Throws link.version when one of another version does. */
export async function findRunningEngine(
  dataFolder: string,
  screen: string,
  signal?: AbortSignal,
): Promise<RunningEngine | undefined> {
  const at = await announced(dataFolder, signal);
  if (!at) return undefined;
  let client: Client | undefined;
  try {
    client = connect(await openLink(at));
    const hello = await greet(client, screen, ANSWER_LIMIT_MS);
    return { client, hello, pid: at.pid, pageUrl: `${at.url}#token=${at.token}` };
  } catch (error) {
    client?.[Symbol.dispose]();
    // Another program behind the address, or an engine that hangs: as good as none. A version is worth saying.
    if (error instanceof LabError && error.code === 'link.version') throw error;
    return undefined;
  }
}

/** One more link to the engine of a data folder, for somebody who says hello over it. Throws engine.gone, link.closed. */
export async function openEngineLink(dataFolder: string): Promise<Link> {
  const at = await announced(dataFolder, undefined);
  if (!at) throw new LabError('engine.gone', 'No engine answers for this data folder. It may be starting; try again.');
  return openLink(at);
}

function openLink(at: { url: string; token: string }): Promise<Link> {
  const socket = new WebSocket(...socketAddress(at.url, at.token), {
    origin: new URL(at.url).origin,
    perMessageDeflate: false,
    handshakeTimeout: ANSWER_LIMIT_MS,
  });
  return openSocketLink(socket);
}

/** Where the engine of a folder listens; waits for one that is just starting. */
async function announced(
  dataFolder: string,
  signal: AbortSignal | undefined,
): Promise<(Announcement & { url: string; token: string }) | undefined> {
  const until = performance.now() + ANNOUNCE_LIMIT_MS;
  for (;;) {
    const at = await readAnnouncement(dataFolder);
    if (!at) return undefined;
    if (at.url !== undefined && at.token !== undefined) return { ...at, url: at.url, token: at.token };
    if (performance.now() > until || signal?.aborted) return undefined;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
