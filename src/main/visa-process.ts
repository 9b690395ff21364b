import type { MessagePortMain } from 'electron';
import { MessageChannelMain } from 'electron';
import { forkUtility } from './utility-fork.ts';

/** Calls that wait in the library hold a thread each. */
const THREADS = '64';

/**
 * Starts the process that holds the VISA library of a maker; gives the wire to it, for the engine. The process ends when the wire is closed, and so with the engine; when it
 * ends first, by a crash of the library, the wire closes.
 */
export function startVisaProcess(entry: string): MessagePortMain {
  const child = forkUtility(entry, [], {
    serviceName: "Labwire maker's VISA",
    env: { ...process.env, UV_THREADPOOL_SIZE: THREADS },
    // A maker signs its library, not we.
    allowLoadingUnsignedLibraries: true,
  });
  const { port1, port2 } = new MessageChannelMain();
  child.postMessage(null, [port2]);
  return port1;
}
