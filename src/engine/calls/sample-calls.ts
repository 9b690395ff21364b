import type { Handlers, ScreenContext } from '../../contract/serve.ts';
import type { EngineParts } from '../engine-parts.ts';
import { WatchHub } from '../history/watch-hub.ts';

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
    'history.read': ({ origin, fromNs, toNs, ...rest }, { screen, signal }) => {
      const request = { ...rest, fromNs: BigInt(fromNs), toNs: BigInt(toNs) };
      const answer =
        origin === 'live'
          ? hubOf(screen).read(request)
          : recorded.read(origin, request, (frame) => screen.sendFrame(frame), signal);
      return Promise.resolve(answer).then(({ streams, exact, nextNs }) => ({
        streams,
        exact,
        nextNs: nextNs === null ? null : String(nextNs),
      }));
    },
  };
}
