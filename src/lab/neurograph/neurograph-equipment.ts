import type { ColumnInfo } from '../../core/stream-info.ts';
import type { Equipment } from '../equipment.ts';
import { PAGE_MS } from '../page-stream.ts';
import { METRICS_MS } from './metrics-stream.ts';

/** Ids of what a server has to read: its metrics channel, and its page of numbers. */
export const METRICS = 'metrics';
export const PAGE = 'prometheus';

export interface NeurographParts {
  isConnected: boolean;
  resource: string;
  user: string;
  given: readonly string[];
  denied: readonly string[];
  metrics: readonly ColumnInfo[];
  page: { path: string; columns: readonly ColumnInfo[] } | undefined;
}

/** A NeuroGraph server as equipment: its numbers. Its channels come as lines. */
export function neurographEquipment(parts: NeurographParts): Equipment[] {
  const status: Record<string, string> = { user: parts.user === '' ? 'anonymous' : parts.user };
  if (parts.given.length > 0) status.channels = parts.given.join(', ');
  if (parts.denied.length > 0) status['not allowed'] = parts.denied.join(', ');
  const list = [
    equipmentOf(METRICS, 'Metrics of the server', parts, status, {
      name: 'system',
      columns: parts.metrics,
      defaultIntervalMs: METRICS_MS,
      minIntervalMs: METRICS_MS,
      maxIntervalMs: METRICS_MS,
    }),
  ];
  if (parts.page) {
    list.push(
      equipmentOf(
        PAGE,
        `Numbers of ${parts.page.path}`,
        parts,
        {},
        {
          name: 'page',
          columns: parts.page.columns,
          defaultIntervalMs: PAGE_MS,
          minIntervalMs: 1000,
          maxIntervalMs: 3_600_000,
        },
      ),
    );
  }
  return list;
}

function equipmentOf(
  id: string,
  label: string,
  { isConnected, resource }: NeurographParts,
  status: Record<string, string>,
  stream: Equipment['streams'][number],
): Equipment {
  return {
    id,
    identity: { maker: 'NeuroGraph', model: id, serial: '', firmware: '' },
    label,
    shape: { role: 'stream', controls: [], polled: [], maxPollHz: 1, defaultPollHz: 1, commands: [], waveforms: [] },
    streams: [stream],
    resource,
    isConnected,
    status,
  };
}
