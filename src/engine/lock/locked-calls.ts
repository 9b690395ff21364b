import type { CallName, CallParsed } from '../../contract/calls.ts';
import type { Handlers } from '../../contract/serve.ts';
import { canonicalResource } from '../../core/resource.ts';
import type { EngineParts } from '../engine-parts.ts';

type Parts = Pick<EngineParts, 'instruments' | 'channels' | 'servers' | 'locks'>;

/**
 * The instruments each call would change: somebody else's lock refuses it. What only reads (capture, refresh, screenshot), what makes safe (Outputs off, the
 * emergency stop of a server, limits), and what belongs to the bench rather than to the instrument (names, plots, recordings, alarms) is not here.
 */
const CHANGES: { [N in CallName]?: (input: CallParsed<N>, parts: Parts) => readonly string[] } = {
  'instrument.set': ({ instrument }) => [instrument],
  'instrument.query': ({ instrument }) => [instrument],
  'instrument.act': ({ instrument }) => [instrument],
  'instrument.sendFile': ({ instrument }) => [instrument],
  'instrument.setQueries': ({ instrument }) => [instrument],
  'instrument.close': ({ instrument }) => [instrument],
  'instrument.adopt': ({ instrument }) => [instrument],
  'sweep.start': ({ sweep }) => [sweep.instrument],
  'resource.query': ({ resource }, parts) => attachedAt(resource, parts),
  'doctor.run': ({ resource, tries }, parts) => (tries ? attachedAt(resource, parts) : []),
  'channel.set': ({ channel, rateHz }, { channels }) =>
    rateHz === undefined ? [] : [channels.find(channel).instrument],
  'server.command': ({ server, equipment }, parts) => equipmentOf(server, parts, equipment),
  'server.remove': ({ server }, parts) => equipmentOf(server, parts),
  'server.disconnect': ({ server }, parts) => equipmentOf(server, parts),
  // Another bench detaches everything.
  'bench.new': (_input, { locks }) => locks.exclusives,
  'bench.open': (_input, { locks }) => locks.exclusives,
};

/** The same handlers, which refuse (instrument.locked) what somebody else's lock forbids. */
export function obeyLocks(handlers: Handlers, parts: Parts): Handlers {
  const guarded = { ...handlers };
  for (const name of Object.keys(CHANGES) as CallName[]) guard(guarded, name, parts);
  return guarded;
}

function guard<N extends CallName>(handlers: Handlers, name: N, parts: Parts): void {
  const changes = CHANGES[name];
  const carryOut = handlers[name];
  if (!changes) return;
  handlers[name] = ((input, context) => {
    for (const instrument of changes(input, parts)) parts.locks.check(instrument, context.caller);
    return carryOut(input, context);
  }) as Handlers[N];
}

function attachedAt(text: string, { instruments }: Parts): string[] {
  const resource = canonicalResource(text);
  return instruments.all.filter((attachment) => attachment.resource === resource).map(({ id }) => id);
}

/** Instruments of a server; of one that is named and attached, that one alone. */
function equipmentOf(id: string, { servers }: Parts, named?: string): string[] {
  const { equipment } = servers.find(id).state;
  const one = equipment.find((known) => known.id === named && known.instrument !== null);
  return (one ? [one] : equipment).flatMap(({ instrument }) => (instrument === null ? [] : [instrument]));
}
