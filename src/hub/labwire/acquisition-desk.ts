import { LabError } from '../../core/errors.ts';
import { AcquisitionTask } from '../acquisition/acquisition-task.ts';
import type { Outbox } from '../delivery/outbox.ts';
import type { HubParts } from '../hub-parts.ts';
import { isoOf, microsOf } from '../server-time.ts';
import type { WantedAcquisition } from './client-message.ts';
import { textMessage } from './outgoing.ts';

export interface AcquisitionDeskHost {
  parts: Pick<HubParts, 'acquisitions' | 'bench' | 'clock'>;
  outbox: Outbox;
  /** Whether the client may have acquisitions now. */
  mayAcquire(): boolean;
  /** Longest message; bytes. */
  maxMessageBytes: number;
}

interface Running {
  task: AcquisitionTask;
  wanted: WantedAcquisition;
  epoch: number;
  /** Number of the next window. */
  seq: number;
  /** Rows of a window, as many as fit a message. */
  rows: number;
}

type Re = string | number | undefined;

const MOST_STREAMS = 20;
/** Of a window as text, about: its figures, a time, a value. */
const FIGURE_BYTES = 1500;
const TIME_BYTES = 32;
const VALUE_BYTES = 22;

/**
 * Acquisitions one client follows: the newest rows of each, again and again. A window holds what the one before held, so only the newest of those that wait goes out
 * (`latest`); they are numbered, and what was left out is told in the next: seq = previous seq + 1 + skipped.
 */
export class AcquisitionDesk implements Disposable {
  readonly #host: AcquisitionDeskHost;
  readonly #running = new Map<string, Running>();

  constructor(host: AcquisitionDeskHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Begins, or changes how one that is followed comes. Throws hub.forbidden, hub.unknown, call.limit. */
  start(wanted: WantedAcquisition, re?: Re): void {
    const { parts, outbox, mayAcquire, maxMessageBytes } = this.#host;
    if (!mayAcquire())
      throw new LabError('hub.forbidden', 'This role has no acquisitions. Nothing is sent; log in as one that has.');
    const { acquisition_id, interval_ms, num_samples, priority } = wanted;
    const { config } = parts.acquisitions.get(acquisition_id);
    const rowBytes = TIME_BYTES + VALUE_BYTES * config.channels.length;
    const rows = Math.max(1, Math.min(num_samples, Math.floor((maxMessageBytes - FIGURE_BYTES) / rowBytes)));
    const known = this.#running.get(acquisition_id);
    if (known) {
      known.wanted = wanted;
      known.rows = rows;
      known.task.window = rows;
      known.task.pace(interval_ms);
    }
    const running = known ?? this.#begin(wanted, rows);
    const key = keyOf(acquisition_id);
    outbox.setPriority(key, priority);
    outbox.offer(
      textMessage({
        type: 'acquisition_stream_started',
        ...(re === undefined ? {} : { re }),
        acquisition_id,
        key,
        epoch: running.epoch,
        seq: running.seq,
        interval_ms,
        num_samples: rows,
        priority,
      }),
    );
  }

  /** False: it was not followed. */
  stop(acquisition: string, reason: string, re?: Re): boolean {
    const running = this.#running.get(acquisition);
    if (!running) return false;
    this.#running.delete(acquisition);
    running.task[Symbol.dispose]();
    this.#host.outbox.forget(keyOf(acquisition));
    const stopped = { type: 'acquisition_stream_stopped', ...(re === undefined ? {} : { re }) };
    this.#host.outbox.offer(textMessage({ ...stopped, acquisition_id: acquisition, reason }));
    return true;
  }

  stopAll(reason: string): void {
    for (const acquisition of [...this.#running.keys()]) this.stop(acquisition, reason);
  }

  [Symbol.dispose](): void {
    for (const { task } of this.#running.values()) task[Symbol.dispose]();
    this.#running.clear();
  }

  #begin(wanted: WantedAcquisition, rows: number): Running {
    if (this.#running.size >= MOST_STREAMS)
      throw new LabError(
        'call.limit',
        `${MOST_STREAMS} acquisitions are followed already. This one is not sent; stop another first.`,
      );
    const { acquisitions, bench, clock } = this.#host.parts;
    const { acquisition_id, interval_ms } = wanted;
    const task = new AcquisitionTask(
      { bench, after: (ms, callback) => clock.after(ms, callback) },
      {
        acquisition: acquisition_id,
        intervalMs: interval_ms,
        window: rows,
        acquisitions,
        nowNs: () => clock.nowNs(),
      },
      {
        data: (data) => this.#send(acquisition_id, data),
        ended: (reason) => void this.stop(acquisition_id, reason),
        fault: () => {},
      },
    );
    const running = { task, wanted, epoch: microsOf(clock.nowNs()), seq: 0, rows };
    this.#running.set(acquisition_id, running);
    return running;
  }

  #send(acquisition: string, data: Record<string, unknown>): void {
    const running = this.#running.get(acquisition);
    if (!running) return;
    const { outbox, parts } = this.#host;
    const { wanted, epoch, seq, rows } = running;
    running.seq++;
    const key = keyOf(acquisition);
    const nowNs = parts.clock.nowNs();
    const head = { type: 'acquisition_stream', key, ep: epoch, seq, t: microsOf(nowNs), timestamp: isoOf(nowNs) };
    const { channels } = parts.acquisitions.get(acquisition).config;
    outbox.offer({
      key,
      delivery: 'latest',
      priority: wanted.priority,
      rows: 1,
      sizeBytes: FIGURE_BYTES + rows * (TIME_BYTES + VALUE_BYTES * channels.length),
      ...(wanted.max_age_ms === undefined ? {} : { maxAgeMs: wanted.max_age_ms }),
      encode: (skipped) => JSON.stringify({ ...head, ...(skipped ? { skipped } : {}), ...data }),
    });
  }
}

function keyOf(acquisition: string): string {
  return `acquisition/${acquisition}`;
}
