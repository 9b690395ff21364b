import { LabError } from '../../core/errors.ts';
import {
  startAcquisitionStream,
  startStream,
  stopAcquisitionStream,
  stopStream,
} from '../../protocol/lab/lablink-command.ts';
import type { LabLinkMessage } from '../../protocol/lab/lablink-message.ts';
import type { Equipment, LabOutlet, LabStream } from '../equipment.ts';
import type { StreamTable } from '../stream-keeper/stream-table.ts';
import type { AcquisitionFacts } from './acquisition-stream.ts';
import { AcquisitionStream, windowSize } from './acquisition-stream.ts';
import type { DeviceSource } from './device-stream.ts';
import { DeviceStream } from './device-stream.ts';
import type { LabLinkPlace } from './place.ts';
import { LOAD_FIELDS, MEASUREMENT_FIELDS, supplyFields } from './reading-fields.ts';
import type { StreamStarter } from './stream-starter.ts';

type StreamData = Extract<LabLinkMessage, { type: 'stream_data' }>;
type Acquired = Extract<LabLinkMessage, { type: 'acquisition_stream' }>;

/** The wanted streams of one server, and where messages of the socket go. */
export class LabLinkStreams {
  readonly #place: LabLinkPlace;
  readonly #table: StreamTable;
  readonly #starter: StreamStarter;
  /** Specs of the streams that are, or were, wanted. */
  readonly #devices = new Map<string, DeviceStream>();
  readonly #acquisitions = new Map<string, AcquisitionStream>();

  constructor(place: LabLinkPlace, table: StreamTable, starter: StreamStarter) {
    this.#place = place;
    this.#table = table;
    this.#starter = starter;
  }

  /** Throws server.unsupported for a stream the equipment does not have. */
  openDevice(
    equipment: Equipment | undefined,
    id: string,
    name: string,
    intervalMs: number,
    outlet: LabOutlet,
  ): LabStream {
    const source = sourceOf(equipment, id, name);
    const key = `${id}/${name}`;
    const isNew = this.#table.get(key) === undefined;
    if (isNew) this.#forget();
    if (isNew) this.#devices.set(key, new DeviceStream(this.#place, source, this.#starter, this.#opener(key)));
    const spec = this.#devices.get(key);
    if (!spec) throw unsupported(id, name);
    const { type } = source;
    if (isNew && type)
      this.#starter.describe(key, {
        isDated: type !== 'measurements',
        isProof: type === 'readings',
        start: (ms, extras) => startStream(id, type, ms, extras),
        stop: () => stopStream(id, type),
      });
    const stream = this.#table.open(spec, intervalMs, outlet);
    if (isNew) spec.open();
    return stream;
  }

  openAcquisition(facts: AcquisitionFacts, intervalMs: number, outlet: LabOutlet): LabStream {
    const key = `${facts.equipment}/${facts.name}`;
    const isNew = this.#table.get(key) === undefined;
    if (isNew) this.#forget();
    if (isNew)
      this.#acquisitions.set(facts.id, new AcquisitionStream(this.#place, facts, this.#starter, this.#opener(key)));
    const spec = this.#acquisitions.get(facts.id);
    if (!spec) throw unsupported(facts.equipment, facts.name);
    if (isNew)
      this.#starter.describe(key, {
        isDated: true,
        isProof: false,
        start: (ms, extras) => startAcquisitionStream(facts.id, ms, windowSize(facts.rateHz, ms), extras),
        stop: () => stopAcquisitionStream(facts.id),
      });
    const stream = this.#table.open(spec, intervalMs, outlet);
    if (isNew) spec.open();
    return stream;
  }

  /** Data of any stream of the server, asked for by us or by others. */
  streamData({ equipment_id, stream_type, data }: StreamData): void {
    const key = `${equipment_id}/${stream_type}`;
    this.#starter.delivered(key, typeof data.timestamp === 'string');
    const keeper = this.#table.get(key);
    const rows = keeper ? this.#devices.get(key)?.live(data) : undefined;
    if (rows) keeper?.push(rows);
  }

  acquired({ acquisition_id, data, stats }: Acquired): void {
    const spec = this.#acquisitions.get(acquisition_id);
    const hasDate = stats?.start_time !== undefined;
    if (!spec) {
      this.#starter.delivered(`acquisition ${acquisition_id}`, hasDate);
      return;
    }
    this.#starter.delivered(spec.key, hasDate);
    const keeper = this.#table.get(spec.key);
    const rows = keeper && data ? spec.live(data, stats?.total_samples) : undefined;
    if (rows) keeper?.push(rows);
  }

  /** Polled streams that the socket would have. Channels beyond the first have none there: nothing is wrong with them. */
  get polledInstead(): number {
    let count = 0;
    for (const keeper of this.#table.all)
      if (keeper.isPolled && this.#devices.get(keeper.spec.key)?.source.type !== undefined) count++;
      else if (keeper.isPolled && !this.#devices.has(keeper.spec.key)) count++;
    return count;
  }

  /** Streams of instruments that were away. */
  cameBack(equipment: readonly string[]): void {
    const keys = [...this.#devices.keys()].filter((key) => equipment.some((id) => key.startsWith(`${id}/`)));
    this.#starter.back(keys);
  }

  /** Specs of streams nobody wants any more. */
  #forget(): void {
    for (const key of this.#devices.keys()) if (!this.#table.get(key)) this.#devices.delete(key);
    for (const [id, { key }] of this.#acquisitions) if (!this.#table.get(key)) this.#acquisitions.delete(id);
  }

  #opener(key: string): (columns: Columns) => void {
    return (columns) => this.#table.get(key)?.opened({ columns, rateHz: 0 });
  }
}

type Columns = Parameters<LabOutlet['opened']>[0]['columns'];

function sourceOf(equipment: Equipment | undefined, id: string, name: string): DeviceSource {
  const base = { equipment: id, name, channel: 1, fields: undefined };
  const role = equipment?.shape.role;
  if (name === 'measurements') return { ...base, type: 'measurements', fields: MEASUREMENT_FIELDS };
  const channel = Number(/^readings-ch(\d+)$/.exec(name)?.[1]);
  if (channel > 1) return { ...base, type: undefined, channel, fields: supplyFields(channel) };
  if (name !== 'readings' || (equipment && role === 'scope')) throw unsupported(id, name);
  if (role === 'supply') return { ...base, type: 'readings', fields: supplyFields(1) };
  return { ...base, type: 'readings', fields: role === 'load' ? LOAD_FIELDS : undefined };
}

function unsupported(id: string, name: string): LabError {
  return new LabError('server.unsupported', `${id} has no stream ${name} on this lab server. Nothing was sent.`, {
    equipment: id,
    stream: name,
  });
}
