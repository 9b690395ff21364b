import { createDeferred } from '../../core/deferred.ts';
import type { AfterEnd, LinkProtocol, LinkSignal } from '../link-protocol.ts';
import type { LabSocket, LinkPorts, SocketData, SocketEvents } from '../ports.ts';
import { Heartbeat } from './heartbeat.ts';
import type { LinkEvent, Parting } from './link-machine.ts';
import type { LinkTraffic } from './link-traffic.ts';

type SocketEnd = Parameters<SocketEvents['onEnd']>[0];

const encoder = new TextEncoder();

/** One socket with the protocol on it: turns what happens into events of the machine. After `leave` it says nothing more. */
export class Connection {
  readonly #number: number;
  readonly #protocol: LinkProtocol;
  readonly #ports: LinkPorts;
  readonly #traffic: LinkTraffic;
  readonly #emit: (event: LinkEvent) => void;
  readonly #gone = createDeferred<void>();
  #socket: LabSocket | undefined;
  #heartbeat: Heartbeat | undefined;
  #isOpen = false;
  #wasReady = false;
  #isLeft = false;
  #isWireSeen = false;

  /** Throws what `protocol.url()` throws; then there is no socket. */
  constructor(
    number: number,
    protocol: LinkProtocol,
    ports: LinkPorts,
    traffic: LinkTraffic,
    emit: (event: LinkEvent) => void,
  ) {
    this.#number = number;
    this.#protocol = protocol;
    this.#ports = ports;
    this.#traffic = traffic;
    this.#emit = emit;
    const headers = protocol.headers?.();
    this.#socket = ports.openSocket(
      {
        url: protocol.url(),
        protocols: protocol.subprotocols,
        ...(headers ? { headers } : {}),
        deflate: protocol.deflate,
        maxMessageBytes: protocol.maxMessageBytes,
      },
      {
        onOpen: ({ protocol: chosen, isDeflated }) => this.#opened(chosen, isDeflated),
        onMessage: (data, wireBytes) => this.#message(data, wireBytes),
        onEnd: (end) => this.#ended(end),
      },
    );
  }

  /** Resolves when the socket is gone. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Ignored unless it is open. Gives whether it was given to the socket. */
  send(data: SocketData): boolean {
    if (!this.#isOpen || this.#isLeft) return false;
    this.#socket?.send(data);
    return true;
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedBytes ?? 0;
  }

  /** Asks for a sign of life at once. */
  suspect(withinMs: number): void {
    this.#heartbeat?.suspect(withinMs);
  }

  /** Ends it. What the protocol says in parting goes before a close frame, never before a cut. */
  leave(parting: Parting): void {
    if (this.#isLeft) return;
    if (this.#isOpen && parting.how === 'close') {
      for (const data of this.#protocol.farewell?.() ?? []) this.#socket?.send(data);
    }
    this.#silence();
    if (parting.how === 'close' && this.#socket) this.#socket.close(parting.code, parting.reason);
    else this.#socket?.cut();
  }

  #opened(chosen: string, isDeflated: boolean): void {
    if (this.#isLeft) return;
    this.#isOpen = true;
    this.#heartbeat = new Heartbeat(
      this.#ports.clock,
      this.#protocol.heartbeat,
      () => this.#probe(),
      (silentMs) => this.#tell({ kind: 'lost', reason: `Nothing came for ${(silentMs / 1000).toFixed(1)} s.` }),
    );
    this.#tell({ kind: 'opened' });
    const send = (data: SocketData): void => void this.send(data);
    this.#take(this.#protocol.opened(send, { protocol: chosen, isDeflated }));
  }

  #message(data: SocketData, wireBytes: number): void {
    if (this.#isLeft) return;
    const bytes = typeof data === 'string' ? utf8Length(data) : data.byteLength;
    // Where the wire is seen at all, the second message of a segment came with the first: 0 is right then.
    this.#isWireSeen ||= wireBytes > 0;
    this.#traffic.count(bytes, this.#isWireSeen ? wireBytes : bytes);
    this.#heartbeat?.alive();
    this.#take(this.#protocol.receive(data));
  }

  #ended(end: SocketEnd): void {
    this.#gone.resolve();
    if (this.#isLeft) return;
    const wasReady = this.#wasReady;
    const wasOpen = this.#isOpen;
    this.#silence();
    const judged = this.#protocol.judge({ code: end.code, reason: end.reason, refusal: end.refusal, wasReady });
    const after: AfterEnd =
      judged.kind === 'retry' && judged.reason === undefined ? { ...judged, reason: endText(end, wasOpen) } : judged;
    const isWithoutPath = after.kind === 'next-path' && !(this.#protocol.nextPath?.() ?? false);
    this.#tell({
      kind: 'ended',
      after: isWithoutPath ? { kind: 'retry', reason: 'The server has none of the known paths.' } : after,
    });
  }

  #take(signal: LinkSignal | undefined): void {
    if (!signal || this.#isLeft) return;
    if (signal.isReady && !this.#wasReady) {
      this.#wasReady = true;
      this.#tell({ kind: 'ready' });
    }
    if (signal.isData) this.#tell({ kind: 'data' });
    if (signal.retryAfterS !== undefined || (signal.reason !== undefined && !signal.superseded))
      this.#tell({ kind: 'announced', retryAfterS: signal.retryAfterS, reason: signal.reason ?? '' });
    if (signal.superseded) this.#tell({ kind: 'superseded', reason: signal.reason ?? 'Another window took over.' });
    else if (signal.fatal) this.#tell({ kind: 'fatal', error: signal.fatal });
    else if (signal.renew !== undefined) this.#emit({ kind: 'renew', reason: signal.renew });
  }

  #tell(event: OfConnection<LinkEvent>): void {
    this.#emit({ ...event, connection: this.#number } as LinkEvent);
  }

  #probe(): void {
    const probe = this.#protocol.heartbeat.probe;
    if (probe) {
      this.send(probe.call(this.#protocol.heartbeat));
      return;
    }
    const sentMs = this.#ports.clock.monotonicMs();
    this.#socket?.ping?.(() => {
      if (this.#isLeft) return;
      this.#traffic.roundTripMs = this.#ports.clock.monotonicMs() - sentMs;
      this.#heartbeat?.alive();
    });
  }

  /** From now on nothing of it is told. */
  #silence(): void {
    this.#isLeft = true;
    this.#heartbeat?.[Symbol.dispose]();
    this.#heartbeat = undefined;
    if (this.#isOpen) this.#protocol.ended();
    this.#isOpen = false;
  }
}

type OfConnection<E> = E extends { connection: number } ? Omit<E, 'connection'> : never;

function endText(end: SocketEnd, wasOpen: boolean): string {
  if (end.refusal) return `The server answered HTTP ${end.refusal.status} instead of opening the socket.`;
  if (end.error) return wasOpen ? `The connection broke: ${end.error}.` : `No connection: ${end.error}.`;
  if (!wasOpen) return 'No connection to the server.';
  if (end.code === 1006) return 'The connection broke off without a word.';
  return `The server ended the connection (${end.code}${end.reason ? ` ${end.reason}` : ''}).`;
}

/** Bytes of a text on the wire; short texts are measured, long ones estimated by their length. */
function utf8Length(text: string): number {
  return text.length > 4096 ? text.length : encoder.encode(text).byteLength;
}
