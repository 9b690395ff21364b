import { LabError } from '../../src/core/errors.ts';
import type { AfterEnd, LinkProtocol, LinkSignal } from '../../src/lab/link-protocol.ts';
import type { SocketData } from '../../src/lab/ports.ts';

/**
 * A protocol small enough to read: `hello` greets, `row` is data, `bye N` announces an end, `superseded` and `fatal` are those. Closed with 4401 it wants a new
 * token, refused with 404 the next path.
 */
export class PlainProtocol implements LinkProtocol {
  readonly name = 'plain';
  readonly subprotocols: readonly string[] = [];
  readonly deflate = false;
  readonly maxMessageBytes = 1024;
  heartbeat: LinkProtocol['heartbeat'] = { probeMs: 0, deadMs: 60_000 };
  handshakeMs = 5_000;
  base: string;
  paths = [''];
  received: SocketData[] = [];
  opens = 0;
  ends = 0;
  refreshes = 0;
  onRefresh: () => Promise<void> = () => Promise.resolve();
  refusesUrl = false;
  lastWords: string[] = [];
  #path = 0;

  constructor(base = 'ws://127.0.0.1:9') {
    this.base = base;
  }

  url(): string {
    if (this.refusesUrl)
      throw new LabError('call.invalid', 'The interval must be at least 0.01 s. Nothing was connected. Set another.');
    return this.base + (this.paths[this.#path] ?? '');
  }

  opened(): undefined {
    this.opens++;
  }

  receive(data: SocketData): LinkSignal | undefined {
    this.received.push(data);
    const [word, more] = String(data).split(' ');
    if (word === 'hello') return { isReady: true };
    if (word === 'row') return { isData: true };
    if (word === 'bye') return { retryAfterS: Number(more), reason: 'Maintenance' };
    if (word === 'superseded') return { superseded: true, reason: 'Another window took over.' };
    if (word === 'fatal') return { fatal: new LabError('server.unsupported', 'Version 2 only.') };
    if (word === 'renew') return { renew: 'asked for' };
    return undefined;
  }

  ended(): void {
    this.ends++;
  }

  judge({ code, refusal }: Parameters<LinkProtocol['judge']>[0]): AfterEnd {
    if (code === 4401 || refusal?.status === 401 || refusal?.status === 403)
      return { kind: 'refresh', reason: refusal ? `HTTP ${refusal.status}` : String(code) };
    if (refusal?.status === 404) return { kind: 'next-path' };
    if (code === 4409) return { kind: 'superseded', reason: 'Another window took over.' };
    return { kind: 'retry' };
  }

  farewell(): string[] {
    return this.lastWords;
  }

  nextPath(): boolean {
    this.#path = (this.#path + 1) % this.paths.length;
    return this.#path !== 0;
  }

  refresh(): Promise<void> {
    this.refreshes++;
    return this.onRefresh();
  }
}
