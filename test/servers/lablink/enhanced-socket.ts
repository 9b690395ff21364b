import { deflateSync, gzipSync } from 'node:zlib';
import type { WebSocket } from 'ws';
import type { AcquisitionBook } from './acquisition-book.ts';
import type { DeviceManager } from './device-manager.ts';
import { holdsDate, pythonJson } from './python-json.ts';
import type { ServerTime } from './server-time.ts';
import type { Task } from './stream-tasks.ts';
import { runAcquisition, runStream } from './stream-tasks.ts';

const LEVELS = ['critical', 'high', 'normal', 'low'] as const;
type Level = (typeof LEVELS)[number];
const KINDS = ['none', 'gzip', 'zlib'];
const QUEUE = 100;
const RATE = 100;
const BURST = 50;

interface Recording {
  filepath: string;
  count: number;
  bytes: number;
  startedMs: number;
}

/** One client of the enhanced socket: four queues, a bucket of 100 messages a second, and stream tasks that nobody ends when it leaves. */
class EnhancedClient {
  readonly socket: WebSocket;
  readonly queues: Record<Level, (string | Uint8Array)[]> = { critical: [], high: [], normal: [], low: [] };
  readonly tasks = new Map<string, Task>();
  queued = 0;
  sent = 0;
  dropped = 0;
  overflows = 0;
  limitHits = 0;
  isDropped = false;
  compression = 'none';
  #tokens = BURST;
  #lastMs = Date.now();
  #timer: NodeJS.Timeout;

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.#timer = setInterval(() => this.#pump(), 10);
  }

  get size(): number {
    return LEVELS.reduce((sum, level) => sum + this.queues[level].length, 0);
  }

  offer(data: string | Uint8Array, level: Level): void {
    if (this.isDropped) return;
    if (this.size >= QUEUE) {
      this.overflows++;
      if (this.queues.low.length === 0) {
        this.dropped++;
        return;
      }
      this.dropped += this.queues.low.length;
      this.queues.low.length = 0;
    }
    this.queued++;
    this.queues[level].push(data);
  }

  #pump(): void {
    const now = Date.now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#lastMs) / 1000) * RATE);
    this.#lastMs = now;
    while (this.size > 0) {
      if (this.#tokens < 1) {
        this.limitHits++;
        return;
      }
      const level = LEVELS.find((name) => this.queues[name].length > 0);
      const data = level && this.queues[level].shift();
      if (data === undefined) return;
      this.#tokens--;
      this.sent++;
      this.socket.send(data);
    }
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

/** The enhanced socket of the seed document, with what was observed of it. */
export class EnhancedSocket {
  readonly clients = new Set<EnhancedClient>();
  readonly received: { type: string; [key: string]: unknown }[] = [];
  readonly recordings = new Map<string, Recording>();
  /** Stream tasks whose client is gone, or that a second start left behind: they never end. */
  readonly leaked: Task[] = [];
  readonly #devices: DeviceManager;
  readonly #acquisitions: AcquisitionBook;
  readonly #sendsDates: boolean;
  readonly #time: ServerTime;

  constructor(devices: DeviceManager, acquisitions: AcquisitionBook, sendsDates: boolean, time: ServerTime) {
    this.#devices = devices;
    this.#acquisitions = acquisitions;
    this.#sendsDates = sendsDates;
    this.#time = time;
  }

  accept(socket: WebSocket): void {
    const client = new EnhancedClient(socket);
    this.clients.add(client);
    client.offer(
      pythonJson({
        type: 'capabilities',
        features: {
          compression: { enabled: true, types: KINDS },
          priorities: { enabled: true, levels: ['LOW', 'NORMAL', 'HIGH', 'CRITICAL'] },
          recording: { enabled: true, formats: ['json', 'jsonl', 'csv', 'binary'] },
          backpressure: { enabled: true, max_queue_size: QUEUE, rate_limit: RATE },
        },
      }),
      'high',
    );
    socket.on('message', (data, isBinary) => {
      if (client.isDropped) return;
      try {
        if (isBinary) throw new TypeError('bytes');
        this.#take(client, JSON.parse(String(data)) as Record<string, unknown>);
      } catch {
        socket.terminate();
      }
    });
    socket.on('close', () => {
      this.clients.delete(client);
      client.end();
      this.leaked.push(...[...client.tasks.values()].filter((task) => !task.isStopped));
    });
  }

  /** REST test/send and stream tasks. */
  send(client: EnhancedClient, message: Record<string, unknown>, level: Level, compression: string): void {
    if (holdsDate(message) && !this.#sendsDates) {
      // Dropped by the server, the socket stays open; even a ping is answered no more.
      client.isDropped = true;
      return;
    }
    const text = pythonJson(message);
    for (const recording of this.recordings.values()) {
      recording.count++;
      recording.bytes += text.length;
    }
    if (compression === 'gzip') client.offer(Buffer.concat([Buffer.from('g'), gzipSync(text)]), level);
    else if (compression === 'zlib') client.offer(Buffer.concat([Buffer.from('z'), deflateSync(text)]), level);
    else client.offer(text, level);
  }

  #take(client: EnhancedClient, request: Record<string, unknown>): void {
    if (typeof request !== 'object' || request === null || Array.isArray(request)) throw new TypeError('no object');
    this.received.push({ ...request, type: String(request.type) });
    const reply = (message: unknown) => client.offer(pythonJson(message), 'high');
    const stream_type = request.stream_type ?? 'readings';
    const key = `${String(request.equipment_id)}_${String(stream_type)}`;
    switch (request.type) {
      case 'ping':
        reply({ type: 'pong', timestamp: this.#time.naive() });
        return;
      case 'set_compression':
        client.compression = kindOf(request.compression);
        reply({ type: 'compression_set', compression: client.compression });
        return;
      case 'set_priority':
        reply({ type: 'priority_set', priority: levelOf(request.priority) });
        return;
      case 'get_stats':
        reply({ type: 'stats', ...this.stats(client) });
        return;
      case 'start_stream': {
        const level = levelOf(request.priority);
        const compression = kindOf(request.compression);
        const { equipment_id } = request;
        this.#add(client, key, (task) =>
          runStream(this.#devices, request, task, (data) =>
            this.send(
              client,
              { type: 'stream_data', equipment_id, stream_type, data, timestamp: this.#time.naive() },
              level,
              compression,
            ),
          ),
        );
        reply({ type: 'stream_started', equipment_id, stream_type });
        return;
      }
      case 'stop_stream':
        if (!this.#remove(client, key)) return;
        reply({ type: 'stream_stopped', equipment_id: request.equipment_id, stream_type });
        return;
      case 'start_acquisition_stream': {
        const level = levelOf(request.priority);
        const compression = kindOf(request.compression);
        this.#add(client, `acq_${String(request.acquisition_id)}`, (task) =>
          runAcquisition(this.#acquisitions, request, task, (body) =>
            this.send(
              client,
              { type: 'acquisition_stream', ...body, timestamp: this.#time.naive() },
              level,
              compression,
            ),
          ),
        );
        reply({ type: 'acquisition_stream_started', acquisition_id: request.acquisition_id });
        return;
      }
      case 'stop_acquisition_stream':
        if (!this.#remove(client, `acq_${String(request.acquisition_id)}`)) return;
        reply({ type: 'acquisition_stream_stopped', acquisition_id: request.acquisition_id });
        return;
      case 'start_recording': {
        const session_id = String(request.session_id ?? 'recording_client');
        const filepath = `data/ws_recordings/stream_${session_id}.jsonl.gz`;
        this.recordings.set(session_id, { filepath, count: 0, bytes: 0, startedMs: Date.now() });
        reply({ type: 'recording_started', session_id, filepath });
        return;
      }
      case 'stop_recording': {
        const session_id = String(request.session_id);
        const stats = this.recordingStats(session_id);
        if (!stats) {
          reply({ type: 'error', error: `Recording session ${session_id} not found` });
          return;
        }
        this.recordings.delete(session_id);
        reply({ type: 'recording_stopped', session_id, stats });
        return;
      }
      default:
    }
  }

  recordingStats(id: string): Record<string, unknown> | undefined {
    const recording = this.recordings.get(id);
    if (!recording) return undefined;
    const seconds = (Date.now() - recording.startedMs) / 1000;
    return {
      filepath: recording.filepath,
      duration_seconds: seconds,
      message_count: recording.count,
      bytes_written: recording.bytes,
      messages_per_second: recording.count / Math.max(seconds, 1e-3),
    };
  }

  stats(client: EnhancedClient): Record<string, unknown> {
    return {
      connection: {
        messages_queued: client.queued,
        messages_sent: client.sent,
        messages_dropped: client.dropped,
        queue_overflows: client.overflows,
        rate_limit_hits: client.limitHits,
        queue_size: client.size,
        queue_size_by_priority: Object.fromEntries(LEVELS.map((level) => [level, client.queues[level].length])),
      },
      global: { total_connections: this.clients.size, total_messages_received: 0, total_bytes_received: 0 },
    };
  }

  /** A second start of the same stream leaves the first running, for ever. */
  #add(client: EnhancedClient, key: string, run: (task: Task) => Promise<void>): void {
    const before = client.tasks.get(key);
    if (before) this.leaked.push(before);
    const task = { isStopped: false };
    client.tasks.set(key, task);
    void run(task);
  }

  #remove(client: EnhancedClient, key: string): boolean {
    const task = client.tasks.get(key);
    if (!task) return false;
    task.isStopped = true;
    return client.tasks.delete(key);
  }

  close(): void {
    for (const client of this.clients) {
      client.end();
      for (const task of client.tasks.values()) task.isStopped = true;
    }
    for (const task of this.leaked) task.isStopped = true;
  }
}

function levelOf(value: unknown): Level {
  const level = LEVELS.find((name) => name === String(value ?? 'normal').toLowerCase());
  if (!level) throw new Error(`KeyError: ${String(value)}`);
  return level;
}

function kindOf(value: unknown): string {
  const kind = String(value ?? 'none');
  if (!KINDS.includes(kind)) throw new Error(`ValueError: ${kind}`);
  return kind;
}
