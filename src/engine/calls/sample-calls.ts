import type { Handlers, ScreenContext } from '../../contract/serve.ts';
import { delay } from '../../core/clock.ts';
import type { EngineParts } from '../engine-parts.ts';
import { WatchHub } from '../history/watch-hub.ts';

/** On their way to a screen; with more, its next read of history waits. */
const MOST_PENDING_BYTES = 4 * 1024 * 1024;

type SampleCall = 'stream.watch' | 'watch.set' | 'watch.close' | 'watch.seen' | 'history.read';

/** Calls about samples: each screen has one hub for its watches, gone with its link. */
export function createSampleCalls({ clock, history, recorded }: EngineParts): Pick<Handlers, SampleCall> {
  const hubs = new Map<number, WatchHub>();
  const hubOf = (screen: ScreenContext): WatchHub => {
    const known = hubs.get(screen.id);
    if (known) return known;
    const hub = new WatchHub({ history, clock, send: (frame) => screen.sendFrame(frame) });
    hubs.set(screen.id, hub);
    screen.scope.defer(() => {
      hubs.delete(screen.id);
      hub[Symbol.dispose]();
    });
    return hub;
  };
  /** An answer is up to 16 MiB: several at once would overrun the link of a slow screen, so each waits for the one before to go out. */
  const roomFor = async (screen: ScreenContext, signal: AbortSignal): Promise<void> => {
    while (screen.pendingBytes > MOST_PENDING_BYTES) await delay(clock, 10, signal);
  };
  return {
    'stream.watch': ({ channels, mode, after }, { screen }) => {
      const { watch, streams } = hubOf(screen).watch(channels, mode, after);
      return { watch, streams };
    },
    'watch.set': ({ watch, channels, mode }, { screen }) => ({
      streams: hubOf(screen).set(watch, { channels, mode }).streams,
    }),
    'watch.close': ({ watch }, { screen }) => {
      hubOf(screen).close(watch);
      return {};
    },
    'watch.seen': ({ frame }, { screen }) => {
      hubOf(screen).seen(frame);
      return {};
    },
    'history.read': async ({ origin, fromNs, toNs, ...rest }, { screen, signal }) => {
      await roomFor(screen, signal);
      const request = { ...rest, fromNs: BigInt(fromNs), toNs: BigInt(toNs) };
      const { streams, exact, nextNs } =
        origin === 'live'
          ? hubOf(screen).read(request)
          : await recorded.read(origin, request, (frame) => screen.sendFrame(frame), signal);
      return { streams, exact, nextNs: nextNs === null ? null : String(nextNs) };
    },
  };
}
