import { LabError } from '../../../core/errors.ts';
import type { Priority } from '../../../protocol/lab/priority.ts';
import type { Principal } from '../../access/principal.ts';
import { AcquisitionTask } from '../../acquisition/acquisition-task.ts';
import type { OutboundMessage } from '../../delivery/outbound-message.ts';
import { isoTime } from '../../server-time.ts';
import type { SocketCompression } from '../../ws-settings.ts';
import { findEquipment } from '../find-equipment.ts';
import type { LabLinkPlace } from '../place.ts';
import { needAcquisitions, needReadings } from '../read-right.ts';
import type { ClientMessage, StartStream } from './client-message.ts';
import { ReadingTask } from './reading-task.ts';
import type { Level } from './socket-client.ts';
import type { StreamSink, StreamTask } from './stream-task.ts';
import { WaveformTask } from './waveform-task.ts';

type StartAcquisition = Extract<ClientMessage, { type: 'start_acquisition_stream' }>;
type StreamName = Pick<StartStream, 'equipment_id' | 'stream_type' | 'channel'>;
type Extras = Pick<StartStream, 'priority' | 'compression'>;

/** What the desk needs of its connection. */
export interface StreamHost {
  principal(): Principal;
  offer(message: OutboundMessage): void;
  /** A message in answer, or about a stream. */
  say(message: Record<string, unknown>): void;
  fault(thrown: unknown, about: Record<string, unknown>): void;
  reclass(key: string, priority: Priority): void;
  forget(key: string): void;
  encode(message: Record<string, unknown>, compression: SocketCompression): ReturnType<OutboundMessage['encode']>;
}

interface Running {
  task: StreamTask;
  /** Asked for with the stream; undefined: the client's preference holds. */
  extras: Extras;
}

/** Streams of one client at once. */
const MAX_STREAMS = 100;
/** Of a reading, and of a row of a window. */
const READING_BYTES = 350;
const ROW_BYTES = 60;

/** The streams of one client: they are its own, and end with it. A second start of the same stream changes its interval. */
export class StreamDesk implements Disposable {
  readonly #place: LabLinkPlace;
  readonly #host: StreamHost;
  readonly #running = new Map<string, Running>();
  #priority: Level = 'NORMAL';
  #compression: SocketCompression = 'none';

  constructor(place: LabLinkPlace, host: StreamHost) {
    this.#place = place;
    this.#host = host;
  }

  get size(): number {
    return this.#running.size;
  }

  /** What the client chose for streams that say nothing themselves. */
  get preference(): { priority: Level; compression: SocketCompression } {
    return { priority: this.#priority, compression: this.#compression };
  }

  /** Throws hub.no-equipment, hub.unsupported, call.invalid, call.limit, hub.forbidden. */
  start(ask: StartStream): void {
    needReadings(this.#place.parts, this.#host.principal());
    const { equipment_id, stream_type, channel } = ask;
    const key = keyOf(ask);
    const equipment = findEquipment(this.#place.parts.bench, equipment_id).id;
    const head = { type: 'stream_data', equipment_id, stream_type };
    const stopped = { type: 'stream_stopped', equipment_id, stream_type };
    this.#run(key, ask, () => {
      const sink = this.#sink(key, head, stopped, READING_BYTES);
      const { bench, clock } = this.#place.parts;
      const place = { bench, after: (ms: number, callback: () => void) => clock.after(ms, callback) };
      const common = { equipment, channel, intervalMs: ask.interval_ms };
      if (stream_type !== 'waveform') return new ReadingTask(place, { ...common, kind: stream_type }, sink);
      const principal = (): Principal => this.#host.principal();
      return new WaveformTask(place, { ...common, principal, captures: this.#place.captures }, sink);
    });
  }

  /** False: it did not run. */
  stop(name: StreamName): boolean {
    return this.#stop(keyOf(name));
  }

  /** Throws hub.unknown, call.limit, hub.forbidden. */
  startAcquisition(ask: StartAcquisition): void {
    needAcquisitions(this.#place.parts, this.#host.principal());
    const { acquisition_id, interval_ms, num_samples } = ask;
    const key = `acquisition ${acquisition_id}`;
    // Another window is another stream.
    if (this.#running.has(key)) this.#stop(key);
    this.#run(key, ask, () => {
      const { bench, clock } = this.#place.parts;
      const stopped = { type: 'acquisition_stream_stopped', acquisition_id };
      const sink = this.#sink(key, { type: 'acquisition_stream' }, stopped, num_samples * ROW_BYTES, true);
      return new AcquisitionTask(
        { bench, after: (ms, callback) => clock.after(ms, callback) },
        {
          acquisition: acquisition_id,
          intervalMs: interval_ms,
          window: num_samples,
          acquisitions: this.#place.acquisitions,
          nowNs: () => clock.nowNs(),
        },
        sink,
      );
    });
  }

  stopAcquisition(acquisition: string): boolean {
    return this.#stop(`acquisition ${acquisition}`);
  }

  /** For streams that ask for none themselves, from their next message on. */
  prefer(preference: { priority?: Level; compression?: SocketCompression }): void {
    this.#compression = preference.compression ?? this.#compression;
    if (preference.priority === undefined) return;
    this.#priority = preference.priority;
    for (const [key, { extras }] of this.#running)
      if (extras.priority === undefined) this.#host.reclass(key, preference.priority);
  }

  /** The client may not have them any more. */
  stopAll(): void {
    for (const key of [...this.#running.keys()]) this.#stop(key);
  }

  [Symbol.dispose](): void {
    for (const { task } of this.#running.values()) task[Symbol.dispose]();
    this.#running.clear();
  }

  #run(key: string, ask: Extras & { interval_ms: number }, open: () => StreamTask): void {
    const extras = { priority: ask.priority, compression: ask.compression };
    const running = this.#running.get(key);
    if (running) {
      running.extras = extras;
      running.task.pace(ask.interval_ms);
      this.#host.reclass(key, extras.priority ?? this.#priority);
      return;
    }
    if (this.#running.size >= MAX_STREAMS)
      throw new LabError('call.limit', `${MAX_STREAMS} streams run on this connection already. Stop one first.`);
    this.#running.set(key, { task: open(), extras });
  }

  #stop(key: string): boolean {
    const running = this.#running.get(key);
    if (!running) return false;
    this.#running.delete(key);
    running.task[Symbol.dispose]();
    this.#host.forget(key);
    return true;
  }

  #sink(
    key: string,
    head: Record<string, unknown>,
    stopped: Record<string, unknown>,
    sizeBytes: number,
    isWindow = false,
  ): StreamSink {
    return {
      data: (data) => {
        const timestamp = isoTime(this.#place.parts.clock.nowNs());
        const message = isWindow ? { ...head, ...data, timestamp } : { ...head, data, timestamp };
        const asked = this.#running.get(key)?.extras.priority;
        this.#host.offer({
          key,
          // A window holds what the one before held: the newest is enough.
          delivery: isWindow ? 'latest' : 'stream',
          priority: asked ?? this.#priority,
          rows: 1,
          sizeBytes,
          encode: (skipped) => {
            const now = this.#running.get(key)?.extras.compression ?? this.#compression;
            return this.#host.encode(skipped ? { ...message, skipped } : message, now);
          },
        });
      },
      ended: (reason) => {
        this.#stop(key);
        this.#host.say({ ...stopped, reason });
      },
      fault: (thrown) => this.#host.fault(thrown, { ...stopped, type: undefined }),
    };
  }
}

function keyOf({ equipment_id, stream_type, channel }: StreamName): string {
  return `${equipment_id} ${stream_type} ${channel}`;
}
