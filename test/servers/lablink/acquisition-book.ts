import { randomUUID } from 'node:crypto';
import type { DeviceManager } from './device-manager.ts';
import type { Answer } from './lock-book.ts';
import { refusal } from './lock-book.ts';
import { ServerDate } from './python-json.ts';
import type { ServerTime } from './server-time.ts';

export interface Acquisition {
  id: string;
  equipment: string;
  name: string;
  mode: string;
  rate: number;
  wanted: number | undefined;
  channels: string[];
  bufferSize: number;
  state: string;
  times: string[];
  values: Map<string, number[]>;
  total: number;
  started: string | null;
  ended: string | null;
  timer: NodeJS.Timeout | undefined;
}

/** Acquisition sessions: a ring of samples, read as windows of the newest ones. */
export class AcquisitionBook {
  readonly sessions = new Map<string, Acquisition>();
  readonly #devices: DeviceManager;
  readonly #time: ServerTime;

  constructor(devices: DeviceManager, time: ServerTime) {
    this.#devices = devices;
    this.#time = time;
  }

  create(body: Record<string, unknown>): Answer {
    const equipment = String(body.equipment_id);
    if (!this.#devices.devices.has(equipment)) return refusal(404, `Equipment ${equipment} not found`);
    const channels = Array.isArray(body.channels) ? body.channels.map(String) : ['CH1'];
    const session: Acquisition = {
      id: randomUUID(),
      equipment,
      name: String(body.name ?? ''),
      mode: String(body.mode ?? 'continuous'),
      rate: typeof body.sample_rate === 'number' ? body.sample_rate : 1,
      wanted: typeof body.num_samples === 'number' ? body.num_samples : undefined,
      channels,
      bufferSize: typeof body.buffer_size === 'number' ? body.buffer_size : 10_000,
      state: 'idle',
      times: [],
      values: new Map(channels.map((name) => [name, []])),
      total: 0,
      started: null,
      ended: null,
      timer: undefined,
    };
    this.sessions.set(session.id, session);
    return {
      status: 200,
      json: { success: true, message: 'Acquisition session created', acquisition_id: session.id, state: 'idle' },
    };
  }

  act(id: string, action: string): Answer {
    const session = this.sessions.get(id);
    if (!session) return refusal(404, `Acquisition session ${id} not found`);
    if (action === 'start' || action === 'resume') {
      session.state = 'acquiring';
      session.started ??= this.#time.naive();
      this.#run(session);
    } else {
      clearTimeout(session.timer);
      session.timer = undefined;
      session.state = action === 'pause' ? 'paused' : 'stopped';
      if (action === 'stop') session.ended = this.#time.naive();
    }
    const done = { start: 'started', stop: 'stopped', pause: 'paused', resume: 'resumed' }[action] ?? action;
    return { status: 200, json: { success: true, message: `Acquisition ${done}`, acquisition_id: id } };
  }

  #run(session: Acquisition): void {
    session.timer = setTimeout(async () => {
      const device = this.#devices.devices.get(session.equipment)?.device;
      if (!device || session.timer === undefined) return;
      const time = this.#time.naive();
      const samples: number[] = [];
      for (const channel of session.channels) samples.push(await device.sample(channel));
      if (session.timer === undefined) return;
      session.times.push(time);
      session.channels.forEach(
        (channel, index) => void session.values.get(channel)?.push(samples[index] ?? Number.NaN),
      );
      session.total++;
      if (session.times.length > session.bufferSize) {
        session.times.shift();
        for (const column of session.values.values()) column.shift();
      }
      // The state stays "acquiring" after the last sample, as shipped.
      if (session.wanted !== undefined && session.total >= session.wanted) session.ended = this.#time.naive();
      else this.#run(session);
    }, 1000 / session.rate);
  }

  status(id: string): Answer {
    const session = this.sessions.get(id);
    if (!session) return refusal(404, `Acquisition session ${id} not found`);
    return {
      status: 200,
      json: {
        acquisition_id: id,
        equipment_id: session.equipment,
        state: session.state,
        config: {
          name: session.name,
          mode: session.mode,
          sample_rate: session.rate,
          num_samples: session.wanted ?? null,
          channels: session.channels,
          buffer_size: session.bufferSize,
        },
        stats: this.stats(session),
        created_at: session.started,
        started_at: session.started,
        stopped_at: session.ended,
      },
    };
  }

  stats(session: Acquisition): Record<string, unknown> {
    const each = (pick: (values: number[]) => number) =>
      Object.fromEntries(session.ended ? [...session.values].map(([name, values]) => [name, pick(values)]) : []);
    return {
      total_samples: session.total,
      samples_per_channel: Object.fromEntries(session.total > 0 ? session.channels.map((c) => [c, session.total]) : []),
      start_time: session.started === null ? null : new ServerDate(session.started),
      end_time: session.ended === null ? null : new ServerDate(session.ended),
      duration_seconds: session.ended === null ? null : 1,
      actual_sample_rate: session.ended === null ? null : session.rate,
      buffer_overruns: 0,
      min_values: each((values) => Math.min(...values)),
      max_values: each((values) => Math.max(...values)),
      mean_values: each((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
    };
  }

  window(session: Acquisition, count: number): Record<string, unknown> | null {
    if (session.times.length === 0) return null;
    const from = Math.max(0, session.times.length - count);
    const timestamps = session.times.slice(from);
    const values = Object.fromEntries([...session.values].map(([name, column]) => [name, column.slice(from)]));
    return { timestamps, values, count: timestamps.length };
  }

  data(id: string, count: number): Answer {
    const session = this.sessions.get(id);
    if (!session) return refusal(404, `Acquisition session ${id} not found`);
    const window = this.window(session, count);
    if (!window)
      return refusal(500, 'Failed to get data: too many indices for array: array is 1-dimensional, but 2 were indexed');
    const { count: rows, ...data } = window;
    return { status: 200, json: { acquisition_id: id, channels: session.channels, data, count: rows } };
  }

  remove(id: string): Answer {
    const session = this.sessions.get(id);
    if (!session) return refusal(404, `Acquisition session ${id} not found`);
    clearTimeout(session.timer);
    session.timer = undefined;
    this.sessions.delete(id);
    return { status: 200, json: { success: true, message: 'Acquisition session deleted', acquisition_id: id } };
  }

  list(): unknown {
    const sessions = [...this.sessions.values()].map((session) => ({
      acquisition_id: session.id,
      equipment_id: session.equipment,
      name: session.name,
      state: session.state,
      mode: session.mode,
      created_at: session.started,
      total_samples: session.total,
    }));
    return { sessions, count: sessions.length };
  }

  close(): void {
    for (const session of this.sessions.values()) {
      clearTimeout(session.timer);
      session.timer = undefined;
    }
  }
}
