import { EventEmitter } from 'node:events';

/** Where a transferred end lives: a child process or a page. Takes what is meant for that end. */
export interface Remote {
  deliver(data: unknown): void;
  /** The other end is closed. */
  closed(): void;
}

/**
 * One end of a channel, with the members of Electron's MessagePortMain. It is in this process until it is transferred, then `remote`
 * takes its messages. What comes before `start` waits.
 */
export class MessagePortMain extends EventEmitter {
  private peer: MessagePortMain | undefined;
  private remote: Remote | undefined;
  private queue: unknown[] = [];
  private started = false;
  private ended = false;

  static pair(): [MessagePortMain, MessagePortMain] {
    const one = new MessagePortMain();
    const two = new MessagePortMain();
    one.peer = two;
    two.peer = one;
    return [one, two];
  }

  /** Copies: Electron's ports transfer ports only, never buffers. */
  postMessage(data: unknown): void {
    this.peer?.arrive(structuredClone(data));
  }

  start(): void {
    this.started = true;
    for (const data of this.queue.splice(0)) this.emit('message', { data, ports: [] });
  }

  close(): void {
    const { peer } = this;
    this.peer = undefined;
    this.ended = true;
    if (peer) queueMicrotask(() => peer.peerClosed());
  }

  /** Gives the end away; what waited goes with it. */
  moveTo(remote: Remote): void {
    this.remote = remote;
    for (const data of this.queue.splice(0)) remote.deliver(data);
    if (this.ended) remote.closed();
  }

  /** What the remote end sent. */
  relay(data: unknown): void {
    this.peer?.arrive(data);
  }

  private arrive(data: unknown): void {
    if (this.remote) this.remote.deliver(data);
    else if (this.started) queueMicrotask(() => this.emit('message', { data, ports: [] }));
    else this.queue.push(data);
  }

  private peerClosed(): void {
    if (this.ended) return;
    this.ended = true;
    this.peer = undefined;
    if (this.remote) this.remote.closed();
    else this.emit('close');
  }
}

export class MessageChannelMain {
  readonly port1: MessagePortMain;
  readonly port2: MessagePortMain;

  constructor() {
    [this.port1, this.port2] = MessagePortMain.pair();
  }
}
