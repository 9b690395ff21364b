// The program of a utility process: gives its entry `process.parentPort`, then loads it.
import { EventEmitter } from 'node:events';
import { pathToFileURL } from 'node:url';
import type { ChildMessage } from './child-messages.ts';

const send = (message: ChildMessage): void => {
  if (process.connected) process.send?.(message);
};

/** A port that came with a message; its other end is reached over the parent. */
class ChildPort extends EventEmitter {
  private readonly id: number;
  private queue: unknown[] = [];
  private started = false;
  private ended = false;

  constructor(id: number) {
    super();
    this.id = id;
  }

  postMessage(data: unknown): void {
    if (!this.ended) send({ kind: 'port', port: this.id, data });
  }

  start(): void {
    this.started = true;
    for (const data of this.queue.splice(0)) this.emit('message', { data, ports: [] });
  }

  close(): void {
    if (this.ended) return;
    this.ended = true;
    ports.delete(this.id);
    send({ kind: 'port-close', port: this.id });
  }

  arrive(data: unknown): void {
    if (this.started) this.emit('message', { data, ports: [] });
    else this.queue.push(data);
  }

  peerClosed(): void {
    this.ended = true;
    ports.delete(this.id);
    this.emit('close');
  }
}

/** Keeps what comes before there is a listener. */
class ParentPort extends EventEmitter {
  private queue: { data: unknown; ports: ChildPort[] }[] = [];

  constructor() {
    super();
    this.on('newListener', (name) => {
      if (name === 'message') queueMicrotask(() => this.drain());
    });
  }

  postMessage(data: unknown): void {
    send({ kind: 'message', data, ports: [] });
  }

  arrive(data: unknown, opened: ChildPort[]): void {
    this.queue.push({ data, ports: opened });
    if (this.listenerCount('message') > 0) this.drain();
  }

  private drain(): void {
    for (const event of this.queue.splice(0)) this.emit('message', event);
  }
}

const ports = new Map<number, ChildPort>();
const parentPort = new ParentPort();

process.on('message', (received) => {
  const message = received as ChildMessage;
  if (message.kind === 'message') {
    const opened = message.ports.map((id) => new ChildPort(id));
    for (const [index, id] of message.ports.entries()) ports.set(id, opened[index] ?? new ChildPort(id));
    parentPort.arrive(message.data, opened);
  } else if (message.kind === 'port') ports.get(message.port)?.arrive(message.data);
  else ports.get(message.port)?.peerClosed();
});
process.on('disconnect', () => process.exit(1));
Object.defineProperty(process, 'parentPort', { value: parentPort });

const entry = process.argv[2] ?? '';
// As in Electron: [executable, entry, ...args].
process.argv.splice(1, 1);
await import(pathToFileURL(entry).href);
