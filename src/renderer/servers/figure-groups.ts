import type { ServerState } from '../../contract/server-schema.ts';
import type { ServerStats } from '../../contract/server-stats-schema.ts';
import { formatBytes, formatCount } from '../text-format.ts';

export interface FigureRow {
  label: string;
  /** By which the server knows it: `buffer.high_watermark`. */
  name: string;
  text: string;
  tone: string;
}

export interface FigureGroup {
  title: string;
  rows: FigureRow[];
}

/** The figures a server says, in groups; what it does not say is left out. `traffic`: what was seen here, beside its own figure of the same. */
export function figureGroups(stats: ServerStats, traffic: ServerState['traffic']): FigureGroup[] {
  const { compression, buffer, performance, state, adaptive } = stats;
  const isSaid = compression.average_compression_ratio !== null;
  const isFull = above(buffer.utilization, buffer.high_watermark ?? 1);
  const groups: { title: string; rows: (FigureRow | undefined)[] }[] = [
    {
      title: 'Compression',
      rows: [
        row('Level', 'compression.current_level', compression.current_level, formatCount),
        row('Messages', 'compression.messages_processed', compression.messages_processed, formatCount),
        row('Saved', 'compression.average_compression_ratio', compression.average_compression_ratio, percent),
        row('Time each', 'compression.average_latency_ms', compression.average_latency_ms, milliseconds),
        row('Saved in all', 'compression.space_saved_mb', compression.space_saved_mb, (mb) => formatBytes(mb * 1e6)),
        row('Saved, seen here', 'bytes of the messages and on the wire', isSaid ? savedHere(traffic) : null, percent),
      ],
    },
    {
      title: 'Buffer',
      rows: [
        row('Waiting', 'buffer.size', buffer.size, formatCount),
        row('Full', 'buffer.utilization', buffer.utilization, share, isFull ? 'tone-warn' : ''),
        row('Holds back from', 'buffer.high_watermark', buffer.high_watermark, share),
      ],
    },
    {
      title: 'Sending',
      rows: [
        row('Sent', 'performance.sent_messages', performance.sent_messages, formatCount),
        row(
          'Rate',
          'performance.messages_per_second',
          performance.messages_per_second,
          (rate) => `${rate.toFixed(1)} /s`,
        ),
        row('Dropped', 'performance.dropped_messages', performance.dropped_messages, formatCount),
        row(
          'Drop rate',
          'performance.drop_rate',
          performance.drop_rate,
          rate,
          above(performance.drop_rate, 0.001) ? 'tone-warn' : '',
        ),
      ],
    },
    {
      title: 'State',
      rows: [
        row(
          'Holds back',
          'state.backpressure_active',
          state.backpressure_active,
          yes,
          state.backpressure_active ? 'tone-warn' : '',
        ),
        row('Emergency', 'state.emergency_mode', state.emergency_mode, yes, state.emergency_mode ? 'tone-bad' : ''),
        row('Paused', 'state.paused', state.paused, yes, state.paused ? 'tone-warn' : ''),
      ],
    },
    {
      title: 'Adaptation',
      rows: [
        row('Level', 'adaptive.current_level', adaptive.current_level, formatCount),
        row('Network', 'adaptive.network_condition', adaptive.network_condition, String),
        row('Pattern', 'adaptive.data_pattern', adaptive.data_pattern, String),
        row('Changes', 'adaptive.adaptation_count', adaptive.adaptation_count, formatCount),
        row('Latency', 'adaptive.performance.latency_ms', adaptive.performance.latency_ms, milliseconds),
        row('Saved', 'adaptive.performance.compression_ratio', adaptive.performance.compression_ratio, percent),
        row(
          'Throughput',
          'adaptive.performance.throughput_mbps',
          adaptive.performance.throughput_mbps,
          (mbps) => `${mbps.toFixed(1)} Mbps`,
        ),
      ],
    },
  ];
  return groups.flatMap(({ title, rows }) => {
    const said = rows.filter((one) => one !== undefined);
    return said.length === 0 ? [] : [{ title, rows: said }];
  });
}

function row<T>(
  label: string,
  name: string,
  value: T | null,
  text: (value: T) => string,
  tone = '',
): FigureRow | undefined {
  return value === null ? undefined : { label, name, text: text(value), tone };
}

/** %; null where nothing was compressed. */
function savedHere({ wireBytes, bytes }: ServerState['traffic']): number | null {
  return bytes > wireBytes ? (1 - wireBytes / bytes) * 100 : null;
}

function above(value: number | null, limit: number): boolean {
  return value !== null && value > limit;
}

function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}

function share(value: number): string {
  return `${(value * 100).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %`;
}

function rate(value: number): string {
  return `${(value * 100).toFixed(2)} %`;
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}

function yes(value: boolean): string {
  return value ? 'yes' : 'no';
}
