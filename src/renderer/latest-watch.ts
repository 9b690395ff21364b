import { useEffect, useMemo } from 'react';
import type { Client } from '../contract/client.ts';
import { LabError } from '../core/errors.ts';
import type { StreamInfo } from '../core/stream-info.ts';
import { channelId } from '../core/stream-info.ts';
import { showError } from './actions.ts';
import { benchStore, clientStore } from './engine-link.ts';
import { latestValues } from './latest-values.ts';
import { plotLoop } from './plot/plot-loop.ts';
import { framesOf } from './sample-frames.ts';
import { useStore } from './store.ts';

/** Digits change ten times a second at most: faster nobody reads. */
const RATE_HZ = 10;
const MOST_CHANNELS = 500;

/** One `latest` watch over all channels of the bench, and the painter of all digits. */
export function useLatestWatch(): void {
  const client = useStore(clientStore, (value) => value);
  const channels = useStore(benchStore, (bench) => bench?.channels);
  const wanted = useMemo(
    () =>
      channels
        ?.map((channel) => channel.id)
        .slice(0, MOST_CHANNELS)
        .sort()
        .join('\n') ?? '',
    [channels],
  );
  useEffect(
    () =>
      plotLoop.add({
        frame: () => {
          latestValues.paint();
          return false;
        },
      }),
    [],
  );
  useEffect(() => {
    const ids = wanted ? wanted.split('\n') : [];
    latestValues.keep(new Set(ids));
    if (!client || ids.length === 0) return;
    const watch = watchLatest(client, ids);
    return () => void watch.then((stop) => stop?.());
  }, [client, wanted]);
}

/** Gives the function that closes the watch; undefined if the engine refused. */
async function watchLatest(client: Client, channels: string[]): Promise<(() => void) | undefined> {
  try {
    const { watch } = await client.call('stream.watch', { channels, mode: { kind: 'latest', rateHz: RATE_HZ } });
    const stop = framesOf(client).onWatch(watch, (block) => {
      if (block.kind !== 'latest') return;
      const stream = streamOf(block.stream);
      block.channels.forEach((column, index) => {
        const name = stream?.columns[column]?.channel;
        if (stream && name)
          latestValues.set(channelId(stream.instrument, name), block.values[index] ?? Number.NaN, block.timeNs);
      });
    });
    return () => {
      stop();
      client.call('watch.close', { watch }).catch(() => {});
    };
  } catch (thrown) {
    if (LabError.from(thrown).code !== 'link.closed') showError(thrown);
    return undefined;
  }
}

function streamOf(id: number): StreamInfo | undefined {
  return benchStore.get()?.streams.find((stream) => stream.id === id);
}
