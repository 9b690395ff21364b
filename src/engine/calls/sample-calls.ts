import type { Handlers, ScreenContext } from '../../contract/serve.ts';
import { delay } from '../../core/clock.ts';
import type { EngineParts } from '../engine-parts.ts';
import { LIVE } from '../history/screen-hubs.ts';

/** On their way to a screen; with more, its next read of history waits. */
const MOST_PENDING_BYTES = 4 * 1024 * 1024;

type SampleCall = 'stream.watch' | 'watch.set' | 'watch.close' | 'watch.seen' | 'history.read';

/** Calls about samples: each screen has a hub for the watches of each origin, gone with its link. */
export function createSampleCalls({ clock, flight, hubs, recorded }: EngineParts): Pick<Handlers, SampleCall> {
  /** An answer is up to 16 MiB: several at once would overrun the link of a slow screen, so each waits for the one before to go out. */
  const roomFor = async (screen: ScreenContext, signal: AbortSignal): Promise<void> => {
    while (screen.pendingBytes > MOST_PENDING_BYTES) await delay(clock, 10, signal);
  };
  return {
    'stream.watch': ({ origin, channels, mode, after }, { screen }) => {
      const { watch, streams } = hubs.of(screen, origin).watch(channels, mode, after);
      return { watch, streams };
    },
    'watch.set': ({ watch, channels, mode }, { screen }) => ({
      streams: hubs.holding(screen, watch).set(watch, { channels, mode }).streams,
    }),
    'watch.close': ({ watch }, { screen }) => {
      hubs.holding(screen, watch).close(watch);
      return {};
    },
    'watch.seen': ({ frame }, { screen }) => {
      hubs.seen(screen, frame);
      return {};
    },
    'history.read': async ({ origin, fromNs, toNs, ...rest }, { screen, signal }) => {
      await roomFor(screen, signal);
      const request = { ...rest, fromNs: BigInt(fromNs), toNs: BigInt(toNs) };
      const send = (frame: ArrayBuffer): void => screen.sendFrame(frame);
      const isBeyond = origin === LIVE && flight.history.isBeyond(request);
      const { streams, exact, nextNs } = isBeyond
        ? await flight.history.read(request, send, signal)
        : hubs.has(origin)
          ? hubs.of(screen, origin).read(request)
          : await recorded.read(origin, request, send, signal);
      return { streams, exact, nextNs: nextNs === null ? null : String(nextNs) };
    },
  };
}
