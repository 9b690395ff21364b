import type { Handlers, ScreenContext } from '../../contract/serve.ts';
import { delay } from '../../core/clock.ts';
import type { EngineParts } from '../engine-parts.ts';

/** On their way to a screen; with more, its next read of history waits. */
const MOST_PENDING_BYTES = 4 * 1024 * 1024;

type SampleCall = 'stream.watch' | 'watch.set' | 'watch.close' | 'watch.seen' | 'history.read';

/** Calls about samples: each screen has one hub for its watches, gone with its link. */
export function createSampleCalls({ clock, hubs, recorded }: EngineParts): Pick<Handlers, SampleCall> {
  /** An answer is up to 16 MiB: several at once would overrun the link of a slow screen, so each waits for the one before to go out. */
  const roomFor = async (screen: ScreenContext, signal: AbortSignal): Promise<void> => {
    while (screen.pendingBytes > MOST_PENDING_BYTES) await delay(clock, 10, signal);
  };
  return {
    'stream.watch': ({ channels, mode, after }, { screen }) => {
      const { watch, streams } = hubs.of(screen).watch(channels, mode, after);
      return { watch, streams };
    },
    'watch.set': ({ watch, channels, mode }, { screen }) => ({
      streams: hubs.of(screen).set(watch, { channels, mode }).streams,
    }),
    'watch.close': ({ watch }, { screen }) => {
      hubs.of(screen).close(watch);
      return {};
    },
    'watch.seen': ({ frame }, { screen }) => {
      hubs.of(screen).seen(frame);
      return {};
    },
    'history.read': async ({ origin, fromNs, toNs, ...rest }, { screen, signal }) => {
      await roomFor(screen, signal);
      const request = { ...rest, fromNs: BigInt(fromNs), toNs: BigInt(toNs) };
      const { streams, exact, nextNs } =
        origin === 'live'
          ? hubs.of(screen).read(request)
          : await recorded.read(origin, request, (frame) => screen.sendFrame(frame), signal);
      return { streams, exact, nextNs: nextNs === null ? null : String(nextNs) };
    },
  };
}
