import { useEffect, useMemo } from 'react';
import type { BenchState } from '../contract/bench-schema.ts';
import type { Client } from '../contract/client.ts';
import type { RawFrameBlock } from '../contract/frames.ts';
import { channelId } from '../core/stream-info.ts';
import { benchStore, clientStore } from './engine-link.ts';
import { framesOf } from './sample-frames.ts';
import { Statistics } from './statistics.ts';
import { useStore } from './store.ts';

interface Kept {
  statistics: Statistics;
  /** Last row taken, by stream key and epoch: a fill after a reconnect counts no row twice. */
  lastRow: Map<string, number>;
}

const byChannel = new Map<string, Kept>();

/** Statistics of a channel of a meter (it has one for each function), of every sample (before its scale) since it was attached or reset. */
export function statisticsOf(channel: string): Statistics {
  return keep(channel).statistics;
}

/** Counts every sample of every meter while the window lives, whatever screen is shown. */
export function useStatisticsWatch(): void {
  const client = useStore(clientStore, (value) => value);
  const instruments = useStore(benchStore, (bench) => bench?.instruments);
  const channels = useStore(benchStore, (bench) => bench?.channels);
  const wanted = useMemo(() => meterChannels(instruments ?? [], channels ?? []).join('\n'), [instruments, channels]);
  useEffect(() => {
    if (!client || !wanted) return;
    const ids = wanted.split('\n');
    for (const id of byChannel.keys()) if (!ids.includes(id)) byChannel.delete(id);
    for (const id of ids) keep(id);
    const stopped = watchRaw(client, ids);
    return () => void stopped.then((stop) => stop());
  }, [client, wanted]);
}

function meterChannels(instruments: BenchState['instruments'], channels: BenchState['channels']): string[] {
  return instruments.flatMap((instrument) => {
    if (instrument.role !== 'meter') return [];
    return channels.filter((channel) => channel.instrument === instrument.id).map((channel) => channel.id);
  });
}

async function watchRaw(client: Client, channels: string[]): Promise<() => void> {
  try {
    const { watch } = await client.call('stream.watch', { channels, mode: { kind: 'raw' } });
    const stop = framesOf(client).onWatch(watch, (block) => {
      if (block.kind === 'raw') take(block);
    });
    return () => {
      stop();
      client.call('watch.close', { watch }).catch(() => {});
    };
  } catch {
    // The link ended or the channel went away: the next bench state starts another watch.
    return () => {};
  }
}

function take({ stream: id, channels, batch }: RawFrameBlock): void {
  const stream = benchStore.get()?.streams.find((item) => item.id === id);
  if (!stream) return;
  const rowKey = `${stream.key} ${stream.epoch}`;
  channels.forEach((column, index) => {
    const name = stream.columns[column]?.channel;
    const values = batch.columns[index];
    const kept = name ? byChannel.get(channelId(stream.instrument, name)) : undefined;
    if (!kept || !values) return;
    const last = kept.lastRow.get(rowKey) ?? -1;
    for (let row = Math.max(0, last + 1 - batch.seq); row < batch.rows; row++)
      kept.statistics.add(values[row] ?? Number.NaN);
    kept.lastRow.set(rowKey, Math.max(last, batch.seq + batch.rows - 1));
  });
}

function keep(channel: string): Kept {
  const known = byChannel.get(channel);
  if (known) return known;
  const kept: Kept = { statistics: new Statistics(), lastRow: new Map() };
  byChannel.set(channel, kept);
  return kept;
}
