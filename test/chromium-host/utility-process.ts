import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { ChildMessage } from './child-messages.ts';
import type { MessagePortMain } from './message-port.ts';
import { strict } from './strict.ts';

/** What is taken of Electron's options; the rest is of other systems, or always so here. */
interface ForkOptions {
  serviceName?: string;
  env?: NodeJS.ProcessEnv;
}

const REAP_MS = 2_000;
const running = new Set<UtilityProcess>();

/** Electron's UtilityProcess as a child process of Node, its parent port over Node's IPC. */
export class UtilityProcess extends EventEmitter {
  readonly serviceName: string;
  private readonly child: ChildProcess;
  private readonly ports = new Map<number, MessagePortMain>();
  private lastPort = 0;

  constructor(entry: string, args: string[], { serviceName = '', env }: ForkOptions) {
    super();
    this.serviceName = serviceName;
    this.child = fork(join(import.meta.dirname, 'child.mjs'), [entry, ...args], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
      ...(env ? { env } : {}),
    });
    running.add(this);
    this.child.on('spawn', () => this.emit('spawn'));
    this.child.on('message', (message) => this.take(message as ChildMessage));
    // A child that died takes no more messages; its exit tells.
    this.child.on('error', () => undefined);
    this.child.on('exit', (code, signal) => {
      running.delete(this);
      for (const port of this.ports.values()) port.close();
      this.ports.clear();
      this.emit('exit', code ?? (signal ? 1 : 0));
    });
  }

  get pid(): number | undefined {
    return this.child.exitCode === null && this.child.signalCode === null ? this.child.pid : undefined;
  }

  postMessage(data: unknown, transfer: MessagePortMain[] = []): void {
    const ports = transfer.map((port) => {
      const id = ++this.lastPort;
      this.ports.set(id, port);
      return id;
    });
    this.send({ kind: 'message', data, ports });
    for (const [index, port] of transfer.entries()) this.adopt(ports[index] ?? 0, port);
  }

  /** SIGTERM, and SIGKILL for one that does not end by it: what Chromium does to a process it reaps. */
  kill(): boolean {
    const isSent = this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), REAP_MS);
    late.unref();
    this.child.once('exit', () => clearTimeout(late));
    return isSent;
  }

  private adopt(id: number, port: MessagePortMain): void {
    port.moveTo({
      deliver: (data) => this.send({ kind: 'port', port: id, data }),
      closed: () => {
        if (this.ports.delete(id)) this.send({ kind: 'port-close', port: id });
      },
    });
  }

  private send(message: ChildMessage): void {
    if (this.child.connected) this.child.send(message);
  }

  private take(message: ChildMessage): void {
    if (message.kind === 'message') this.emit('message', message.data);
    else if (message.kind === 'port') this.ports.get(message.port)?.relay(message.data);
    else {
      const port = this.ports.get(message.port);
      this.ports.delete(message.port);
      port?.close();
    }
  }
}

/** Electron's `utilityProcess`. */
export const utilityProcess = strict('utilityProcess', {
  fork: (entry: string, args: string[] = [], options: ForkOptions = {}): UtilityProcess =>
    strict('UtilityProcess', new UtilityProcess(entry, args, options)),
});

/** What runs, as `app.getAppMetrics` lists it. */
export function utilityMetrics(): { type: string; pid: number | undefined; name: string }[] {
  return [...running].map(({ pid, serviceName }) => ({ type: 'Utility', pid, name: serviceName }));
}

/** Ends what is left at exit, as Electron does. */
export function endUtilityProcesses(): void {
  for (const child of running) child.kill();
}
