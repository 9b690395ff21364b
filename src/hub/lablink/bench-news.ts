import type { BenchState } from '../../contract/bench-schema.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { isoTime } from '../server-time.ts';
import type { Broadcast } from './socket/socket-client.ts';

type Job = BenchState['jobs'][number];

/** What LabLink tells every socket beside alarms: long work of the engine as jobs, and how a search for instruments goes. */
export class BenchNews implements Disposable {
  readonly #tell: (broadcast: Broadcast) => void;
  readonly #nowNs: () => bigint;
  readonly #stop: Disposable;

  constructor(bench: HubBench, nowNs: () => bigint, tell: (broadcast: Broadcast) => void) {
    this.#tell = tell;
    this.#nowNs = nowNs;
    this.#stop = bench.onChange((now, before) => {
      if (now.jobs !== before.jobs) this.#jobs(now.jobs, before.jobs);
      if (now.discovery !== before.discovery) this.#discovery(now.discovery, before.discovery);
    });
  }

  [Symbol.dispose](): void {
    this.#stop[Symbol.dispose]();
  }

  #jobs(now: readonly Job[], before: readonly Job[]): void {
    for (const job of now) {
      const was = before.find(({ id }) => id === job.id);
      if (was?.state === job.state) continue;
      const at = isoTime(this.#nowNs());
      const common = { job_id: job.id, execution_id: job.id };
      if (!was) {
        const data = {
          job_id: job.id,
          name: job.label,
          schedule_type: job.kind,
          trigger_type: 'manual',
          enabled: true,
        };
        this.#job('job_created', data);
        this.#job('job_started', { ...common, started_at: at });
      }
      if (job.state === 'done') this.#job('job_completed', { ...common, completed_at: at, result: 'success' });
      else if (job.state !== 'running')
        this.#job('job_failed', { ...common, failed_at: at, error: job.error?.message ?? job.state });
    }
    for (const { id } of before) if (!now.some((job) => job.id === id)) this.#job('job_deleted', { job_id: id });
  }

  #job(type: string, data: Record<string, unknown>): void {
    this.#tell({ channel: 'actions', priority: 'NORMAL', message: { type, data } });
  }

  #discovery(now: BenchState['discovery'], before: BenchState['discovery']): void {
    if (now.isSearching && !before.isSearching) this.#progress('scan_started', { method: 'all', stage: 'starting' });
    for (const search of now.searches) {
      const was = before.searches.find(({ source }) => source === search.source);
      if (was?.state === search.state && was.found === search.found) continue;
      const data = { message: `${search.source}: ${search.state}, ${search.found} found`, method: search.source };
      this.#progress('visa_progress', { ...data, stage: search.state, count: search.found });
    }
    for (const found of now.found) {
      if (found.idn === null || before.found.some(({ key, idn }) => key === found.key && idn === found.idn)) continue;
      const message = `Found ${found.name}`;
      const data = {
        message,
        stage: 'identified',
        device_id: found.key,
        model: found.name,
        resource: found.resources[0] ?? '',
      };
      this.#progress('visa_progress', data);
    }
    if (!now.isSearching && before.isSearching)
      this.#progress('scan_complete', { method: 'all', device_count: now.found.length });
  }

  #progress(event_type: string, data: Record<string, unknown>): void {
    const timestamp = isoTime(this.#nowNs());
    const message = { type: 'discovery_progress', event_type, data, timestamp };
    this.#tell({ channel: 'status', priority: 'LOW', message });
  }
}
