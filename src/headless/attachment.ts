import type { BenchState } from '../contract/bench-schema.ts';
import type { ChannelState, InstrumentState } from '../contract/instrument-schema.ts';
import { LabError } from '../core/errors.ts';
import type { Shell } from './command.ts';
import type { Screen } from './screen.ts';
import { pause } from './stop.ts';

const CHANNELS_MS = 3_000;

/** An instrument a command works with, as the engine knows it. */
export interface Attached {
  instrument: InstrumentState;
  channels: ChannelState[];
}

/**
 * Attaches an instrument through the engine, or takes the attached one. What the command has attached to a running engine it detaches
 * when the screen is disposed. Throws what instrument.open throws.
 */
export async function attach(screen: Screen, resource: string, shell: Shell): Promise<Attached> {
  const { client, scope, isOwn } = screen;
  const before = await client.call('bench.read', {}, { signal: shell.signal });
  const { instrument: id } = await client.call('instrument.open', { resource }, { signal: shell.signal });
  const wasThere = before.instruments.some((instrument) => instrument.id === id);
  if (!wasThere && !isOwn) scope.defer(() => client.call('instrument.close', { instrument: id }).then(() => {}));
  return attachedIn(await client.call('bench.read', {}, { signal: shell.signal }), id);
}

/** Its channels come with the first good round: waits for them a while if the first one was bad. Gives what there is then. */
export async function withChannels({ client }: Screen, attached: Attached, { signal }: Shell): Promise<Attached> {
  if (attached.channels.length > 0) return attached;
  const { id } = attached.instrument;
  const come = new AbortController();
  const stop = client.on('stream.opened', ({ stream }) => {
    if (stream.instrument === id) come.abort();
  });
  try {
    // Between the first look and listening they may have come.
    const now = attachedIn(await client.call('bench.read', {}, { signal }), id);
    if (now.channels.length > 0) return now;
    await pause(CHANNELS_MS, AbortSignal.any([come.signal, signal]));
    return attachedIn(await client.call('bench.read', {}, { signal }), id);
  } finally {
    stop();
  }
}

function attachedIn(bench: BenchState, id: string): Attached {
  const instrument = bench.instruments.find((item) => item.id === id);
  if (!instrument) throw new LabError('instrument.detached', `${id} was detached by another screen. Try again.`);
  return { instrument, channels: bench.channels.filter((channel) => channel.instrument === id) };
}

/** The channels asked for by name (`ch1.voltage`) or id; all of them if none is asked for. Throws channel.unknown. */
export function chooseChannels({ instrument, channels }: Attached, wanted: readonly string[]): ChannelState[] {
  const known = channels.map(({ name }) => name).join(', ') || 'none that can be read';
  for (const name of wanted) {
    if (!channels.some((channel) => channel.name === name || channel.id === name)) {
      throw new LabError('channel.unknown', `${instrument.label} has no channel "${name}". It has: ${known}.`);
    }
  }
  const chosen = channels.filter(({ name, id }) => wanted.length === 0 || wanted.includes(name) || wanted.includes(id));
  if (chosen.length > 0) return chosen;
  throw new LabError('channel.unknown', `${instrument.label} has no channels to read; ask it with labwire query.`);
}
