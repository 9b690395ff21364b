import { LabError } from '../../core/errors.ts';
import type { LabLinkStreamType } from '../../protocol/lab/lablink-command.ts';
import { commandAnswer } from '../../protocol/lab/lablink-rest.ts';
import type { ArrivedRows, StreamSpec } from '../stream-keeper/stream-spec.ts';
import type { LabLinkPlace } from './place.ts';
import type { ReadingField } from './reading-fields.ts';
import { guessFields } from './reading-fields.ts';
import { RowBuffer } from './row-buffer.ts';
import type { StreamStarter } from './stream-starter.ts';

/** Where the rows of a device stream come from. */
export interface DeviceSource {
  equipment: string;
  /** In our stream key. */
  name: string;
  /** On the socket; undefined: the socket has no such stream (channels beyond the first). */
  type: LabLinkStreamType | undefined;
  /** Of a supply; asked by a command beyond 1. */
  channel: number;
  /** undefined: guessed from the first reading. */
  fields: readonly ReadingField[] | undefined;
}

/** One stream of an instrument: live on the socket where that is safe, else asked over REST. */
export class DeviceStream implements StreamSpec {
  readonly key: string;
  readonly source: DeviceSource;
  readonly #place: LabLinkPlace;
  readonly #starter: StreamStarter;
  readonly #opened: (columns: RowBuffer['columns']) => void;
  #buffer: RowBuffer | undefined;

  constructor(
    place: LabLinkPlace,
    source: DeviceSource,
    starter: StreamStarter,
    opened: (columns: RowBuffer['columns']) => void,
  ) {
    this.key = `${source.equipment}/${source.name}`;
    this.source = source;
    this.#place = place;
    this.#starter = starter;
    this.#opened = opened;
  }

  /** Says the columns, if they are known before the first reading. */
  open(): void {
    if (this.source.fields) this.#begin(this.source.fields);
  }

  start(intervalMs: number): void {
    this.#starter.want(this.key, intervalMs);
  }

  stop(): void {
    this.#starter.unwant(this.key);
  }

  isOnlyPolled(): boolean {
    return !this.#starter.mayStart(this.key);
  }

  renew(reason: string): void {
    this.#starter.silent(this.key, reason);
  }

  /** A message of the socket as a row. */
  live(data: Readonly<Record<string, unknown>>): ArrivedRows | undefined {
    return this.#row(data, 0);
  }

  async poll(signal: AbortSignal): Promise<ArrivedRows | undefined> {
    const { clock } = this.#place.ports;
    const sentMs = clock.monotonicMs();
    const data = await this.#ask(signal);
    return this.#row(data, clock.monotonicMs() - sentMs);
  }

  async #ask(signal: AbortSignal): Promise<Record<string, unknown>> {
    const { equipment, type, channel } = this.source;
    const id = encodeURIComponent(equipment);
    const { rest } = this.#place;
    if (type === 'measurements')
      return record(
        await rest.get(`/api/data/${id}/snapshot`, { query: { data_type: 'measurements' }, signal }),
        equipment,
      );
    if (channel === 1) return record(await rest.get(`/api/equipment/${id}/readings`, { signal }), equipment);
    const answer = commandAnswer.safeParse(
      await rest.post(
        `/api/equipment/${id}/command`,
        {
          command_id: this.#place.ports.uniqueId(),
          equipment_id: equipment,
          action: 'get_readings',
          parameters: { channel },
        },
        { signal },
      ),
    );
    if (answer.success && answer.data.success) return record(answer.data.data, equipment);
    const said = answer.success ? (answer.data.error ?? '') : '';
    throw new LabError('server.rejected', `${equipment} gives no readings of channel ${channel}: ${said}`);
  }

  #row(data: Readonly<Record<string, unknown>>, roundTripMs: number): ArrivedRows | undefined {
    if (!this.#buffer) {
      const fields = guessFields(data);
      if (fields.length === 0) return undefined;
      this.#begin(fields);
    }
    return this.#buffer?.row(data, roundTripMs);
  }

  #begin(fields: readonly ReadingField[]): void {
    this.#buffer = new RowBuffer(fields, this.#place.ports, this.#place.clock);
    this.#opened(this.#buffer.columns);
  }
}

function record(value: unknown, equipment: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new LabError('server.malformed', `The lab server's reading of ${equipment} is none. It was left out.`);
}
