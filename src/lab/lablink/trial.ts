import { delay } from '../../core/clock.ts';
import { startAcquisitionStream, stopAcquisitionStream } from '../../protocol/lab/lablink-command.ts';
import { acquisitionCreated, equipmentList, health } from '../../protocol/lab/lablink-rest.ts';
import type { LabLinkPlace } from './place.ts';
import type { SocketTrust } from './socket-trust.ts';
import type { StreamStarter } from './stream-starter.ts';

export interface TrialHost {
  place: LabLinkPlace;
  trust: SocketTrust;
  starter: StreamStarter;
  send(text: string): boolean;
  /** Resolves with true when a message of that acquisition comes, with false after `ms`. */
  awaitAcquisition(id: string, ms: number, signal: AbortSignal): Promise<boolean>;
  renew(reason: string): void;
}

/** So long is listened whether somebody else watches something. */
const LISTEN_MS = 1_000;
const ACQUISITION_MS = 2_000;
const TRIAL_MS = 2_500;
const AGAIN_MS = 500;

const SPLIT =
  'The server keeps two sets of instruments, as shipped: its socket does not see what REST has, and a stream of readings would cut off everybody.';

/**
 * Finds out whether streams with dates may be started on a server whose version shipped with the defect, risking nothing while it can be avoided:
 *
 * 1. `/health` and the list count differently: the managers are split, so it is as shipped.
 * 2. An idle acquisition session, whose messages carry no dates, is streamed: silence means the same. It is deleted again.
 * 3. Somebody else watches a stream: no trial, tried again later.
 * 4. One stream is started. If nothing comes, it is stopped, never started again, and the connection made anew.
 */
export async function tryDatedStreams(host: TrialHost, signal: AbortSignal): Promise<void> {
  const { place, trust, starter } = host;
  const { clock } = place.ports;
  await delay(clock, LISTEN_MS, signal);
  if (trust.state !== 'unknown') return;
  if (await isSplit(place, signal)) return trust.kills(SPLIT);
  const seen = await seesAcquisitions(host, signal);
  if (trust.state !== 'unknown') return;
  if (seen === false) return trust.kills(SPLIT);
  if (starter.hasOthers)
    return trust.unsure('Somebody else watches a stream; a trial could cut them off, so readings are polled.');
  const key = starter.waiting;
  if (key === undefined) return;
  starter.trial(key);
  const until = clock.monotonicMs() + TRIAL_MS;
  while (trust.state === 'unknown' && clock.monotonicMs() < until) await delay(clock, 100, signal);
  if (trust.state !== 'unknown') return;
  starter.abandonDated();
  trust.kills('One stream of readings was tried and nothing came: the server cannot send dates on its socket.');
  host.renew('The trial of a stream cut off the broadcasts of this connection.');
}

/** Looked at twice: an instrument that is being connected just now stands in one of the two only. */
async function isSplit(place: LabLinkPlace, signal: AbortSignal): Promise<boolean> {
  if (!(await countsDiffer(place, signal))) return false;
  await delay(place.ports.clock, AGAIN_MS, signal);
  return countsDiffer(place, signal);
}

async function countsDiffer(place: LabLinkPlace, signal: AbortSignal): Promise<boolean> {
  const [counted, listed] = await Promise.all([
    place.rest.get('/health', { signal }),
    place.rest.get('/api/equipment/list', { signal }),
  ]);
  const { connected_devices } = health.parse(counted);
  return connected_devices !== undefined && connected_devices !== equipmentList.parse(listed).length;
}

/** Whether the socket sees a session made over REST; undefined: it cannot be asked. */
async function seesAcquisitions(host: TrialHost, signal: AbortSignal): Promise<boolean | undefined> {
  const { rest } = host.place;
  const [first] = equipmentList.parse(await rest.get('/api/equipment/list', { signal }));
  if (!first) return undefined;
  const body = {
    equipment_id: first.id,
    name: 'Labwire: does the socket see this?',
    mode: 'single_shot',
    sample_rate: 1,
    num_samples: 1,
    channels: ['CH1'],
    buffer_size: 100,
  };
  const created = acquisitionCreated.safeParse(await rest.post('/api/acquisition/session/create', body, { signal }));
  if (!created.success) return undefined;
  const id = created.data.acquisition_id;
  try {
    if (!host.send(startAcquisitionStream(id, 200, 1))) return undefined;
    return await host.awaitAcquisition(id, ACQUISITION_MS, signal);
  } finally {
    host.send(stopAcquisitionStream(id));
    await rest
      .answer(`/api/acquisition/session/${encodeURIComponent(id)}`, { method: 'DELETE', timeoutMs: 3000 })
      .catch(() => undefined);
  }
}
