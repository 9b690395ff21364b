import type { Handlers, ScreenContext } from '../../contract/serve.ts';
import { delay } from '../../core/clock.ts';
import type { EngineParts } from '../engine-parts.ts';
import { LIVE } from '../history/screen-hubs.ts';

/** On their way to a screen; with more, its next read of history waits. */
const MOST_PENDING_BYTES = 4 * 1024 * 1024;

type SampleCall = 'stream.watch' | 'watch.set' | 'watch.close' | 'watch.seen' | 'history.read';

/** Calls about samples: each screen has a hub for the watches of each origin, gone with its link. */
export function createSampleCalls(parts: EngineParts): Pick<Handlers, SampleCall> {
  const { clock, flight, hubs, recorded, channels: book, instruments } = parts;
  /** Polled instruments go at the rate their watches want from now on. */
  const replan = (changed: readonly string[]): void => {
    if (changed.length === 0) return;
    for (const attachment of instruments.all)
      if (changed.some((channel) => channel.startsWith(`${attachment.id}/`))) attachment.replan();
  };
  const ends = new WeakSet<ScreenContext>();
  const endWith = (screen: ScreenContext): void => {
    if (ends.has(screen)) return;
    ends.add(screen);
    screen.scope.defer(() => replan(book.wants.dropScreen(screen.id)));
  };
  /** An answer is up to 16 MiB: several at once would overrun the link of a slow screen, so each waits for the one before to go out. */
  const roomFor = async (screen: ScreenContext, signal: AbortSignal): Promise<void> => {
    while (screen.pendingBytes > MOST_PENDING_BYTES) await delay(clock, 10, signal);
  };
  return {
    'stream.watch': ({ origin, channels, mode, after }, { screen }) => {
      const { watch, streams } = hubs.of(screen, origin).watch(channels, mode, after);
      if (mode.kind === 'raw' && origin === LIVE) {
        endWith(screen);
        replan(book.wants.set(screen.id, watch, channels, mode.rateHz ?? 0));
      }
      return { watch, streams };
    },
    'watch.set': ({ watch, channels, mode }, { screen }) => {
      const hub = hubs.holding(screen, watch);
      const isRaw = book.wants.has(screen.id, watch);
      // Another rate is no other watch: it goes on at its row.
      if (isRaw && mode?.kind === 'raw') replan(book.wants.set(screen.id, watch, channels, mode.rateHz ?? 0));
      else if (isRaw && !mode) replan(book.wants.set(screen.id, watch, channels));
      if (isRaw && mode?.kind === 'raw' && !channels) return { streams: hub.streamsOf(watch) };
      if (isRaw && mode && mode.kind !== 'raw') replan(book.wants.drop(screen.id, watch));
      return { streams: hub.set(watch, { channels, mode }).streams };
    },
    'watch.close': ({ watch }, { screen }) => {
      hubs.holding(screen, watch).close(watch);
      replan(book.wants.drop(screen.id, watch));
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
