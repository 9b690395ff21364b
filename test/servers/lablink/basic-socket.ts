import type { WebSocket } from 'ws';
import type { AcquisitionBook } from './acquisition-book.ts';
import type { DeviceManager } from './device-manager.ts';
import { holdsDate, pythonJson } from './python-json.ts';
import type { Task } from './stream-tasks.ts';
import { runAcquisition, runStream } from './stream-tasks.ts';

/** The basic socket (lablink protocol, section 2): streams are of the whole server, and one that cannot be written cuts everybody off. */
export class BasicSocket {
  /** Who gets broadcasts; a socket may be open and not in here. */
  readonly clients = new Set<WebSocket>();
  readonly tasks = new Map<string, Task>();
  /** Messages of clients as they came, for tests. */
  readonly received: { type: string; [key: string]: unknown }[] = [];
  /** Times somebody's stream cut everybody off. */
  kills = 0;
  readonly #devices: DeviceManager;
  readonly #acquisitions: AcquisitionBook;
  readonly #sendsDates: boolean;

  constructor(devices: DeviceManager, acquisitions: AcquisitionBook, sendsDates: boolean) {
    this.#devices = devices;
    this.#acquisitions = acquisitions;
    this.#sendsDates = sendsDates;
  }

  accept(socket: WebSocket): void {
    this.clients.add(socket);
    socket.on('message', (data, isBinary) => {
      if (isBinary) return void socket.terminate();
      this.#take(socket, String(data));
    });
    socket.on('close', () => {
      this.clients.delete(socket);
      if (this.clients.size === 0) this.stopAll();
    });
  }

  broadcast(message: unknown): void {
    if (holdsDate(message) && !this.#sendsDates) {
      // send_json raises for each; the server takes each for gone. The sockets stay open.
      this.kills++;
      this.clients.clear();
      return;
    }
    const text = pythonJson(message);
    for (const client of this.clients) client.send(text);
  }

  stopAll(): void {
    for (const task of this.tasks.values()) task.isStopped = true;
    this.tasks.clear();
  }

  #take(socket: WebSocket, text: string): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      socket.send(pythonJson({ type: 'error', detail: 'Invalid JSON' }));
      return;
    }
    if (typeof message !== 'object' || message === null || Array.isArray(message)) return void socket.terminate();
    const request = message as Record<string, unknown>;
    this.received.push({ ...request, type: String(request.type) });
    const answer = (reply: unknown) => socket.send(pythonJson(reply));
    const stream_type = request.stream_type ?? 'readings';
    const key = `${String(request.equipment_id)}_${String(stream_type)}`;
    switch (request.type) {
      case 'ping':
        answer({ type: 'pong' });
        return;
      case 'start_stream': {
        const { equipment_id = null } = request;
        this.#replace(key, (task) =>
          runStream(this.#devices, request, task, (data) =>
            this.broadcast({ type: 'stream_data', equipment_id, stream_type, data }),
          ),
        );
        answer({ type: 'stream_started', equipment_id, stream_type });
        return;
      }
      case 'stop_stream':
        this.#stop(key);
        answer({ type: 'stream_stopped', equipment_id: request.equipment_id ?? null, stream_type });
        return;
      case 'start_acquisition_stream':
        this.#replace(`acq_${String(request.acquisition_id)}`, (task) =>
          runAcquisition(this.#acquisitions, request, task, (body) =>
            this.broadcast({ type: 'acquisition_stream', ...body }),
          ),
        );
        answer({ type: 'acquisition_stream_started', acquisition_id: request.acquisition_id });
        return;
      case 'stop_acquisition_stream':
        this.#stop(`acq_${String(request.acquisition_id)}`);
        answer({ type: 'acquisition_stream_stopped', acquisition_id: request.acquisition_id });
        return;
      default:
      // Anything else: silence.
    }
  }

  #replace(key: string, run: (task: Task) => Promise<void>): void {
    this.#stop(key);
    const task = { isStopped: false };
    this.tasks.set(key, task);
    void run(task);
  }

  #stop(key: string): void {
    const task = this.tasks.get(key);
    if (task) task.isStopped = true;
    this.tasks.delete(key);
  }
}
