import { randomUUID } from 'node:crypto';
import type { RawData, WebSocket } from 'ws';
import {
  encodeFromEngine,
  encodeFromScreen,
  type FromScreen,
  parseFromEngine,
  parseFromScreen,
} from '../../contract/envelope.ts';
import type { Link, LinkMessage } from '../../contract/link.ts';
import { loginRenewal, RENEW_LOGIN } from '../../contract/login-renewal.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { askerOf } from '../access/asker.ts';
import type { Principal } from '../access/principal.ts';
import { hasRight } from '../access/role.ts';
import type { ConnectionCounts, HubConnection } from '../connection-book.ts';
import type { HubParts } from '../hub-parts.ts';
import type { SocketVisit } from '../server/door.ts';
import { keepAlive } from '../server/keep-alive.ts';
import { closeSocket } from '../server/socket-wire.ts';
import { refuseCall } from './call-fence.ts';
import { CallTable } from './call-table.ts';
import { publicAnswer, publicEvent } from './public-state.ts';
import type { ScreenLimits } from './screen-limits.ts';

/** Close codes of ours as labwire.1 has them, and of RFC 6455 7.4.1. */
const NOT_LOGGED_IN = 4401;
const OTHER_RIGHTS = 4403;
/** As the engine ends a link: the reason says why. */
const FAILED = 4000;
const NO_TEXT = 1003;
const RESTART = 1012;
const TOO_SLOW = 1013;

/** Pages tell this for each frame; it changes nothing but what they are sent. */
const CREDIT = 'watch.seen';

/**
 * One remote page: a relay between its socket and a link of its own to the engine.
 *
 *     opening ──engine link──▶ open ──socket or engine gone, malformed, too slow, login over, role changed, kicked──▶ ended
 *        └──no engine, socket gone──────────────────────────────────────────────────────────────────────────────────────▲
 *
 * While opening the socket is paused: nothing is kept for later.
 */
export class ScreenConnection implements HubConnection {
  readonly id = randomUUID();
  readonly dialect = 'screen';
  readonly address: string;
  readonly openedNs: bigint;
  /** Resolves when the socket has closed. */
  readonly closed: Promise<void>;
  readonly #parts: HubParts;
  readonly #socket: WebSocket;
  readonly #limits: ScreenLimits;
  readonly #calls = new CallTable();
  readonly #timers = new Set<Disposable>();
  #principal: Principal;
  #engine: Link | undefined;
  #isEnded = false;
  #watches = 0;
  #waiting = 0;
  #roundTripMs: number | null = null;
  readonly #traffic = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0 };

  constructor(parts: HubParts, visit: SocketVisit) {
    this.#parts = parts;
    this.#socket = visit.socket;
    this.#limits = parts.screens;
    this.#principal = visit.principal;
    this.address = visit.from;
    this.openedNs = parts.clock.nowNs();
    visit.socket.binaryType = 'nodebuffer';
    this.closed = new Promise((resolve) => {
      visit.socket.once('close', () => {
        this.#end();
        resolve();
      });
    });
    // A message that is too long or no UTF-8: `ws` closes with the code for it.
    visit.socket.on('error', () => {});
    visit.socket.on('message', (data, isBinary) => this.#fromPage(data, isBinary));
    this.#timers.add(keepAlive(visit.socket, parts.clock, { onRoundTrip: (ms) => (this.#roundTripMs = ms) }));
    void this.#open();
  }

  get principal(): Principal {
    return this.#principal;
  }

  counts(): ConnectionCounts {
    const utilization = Math.min(1, this.#socket.bufferedAmount / this.#limits.maxPendingBytes);
    return {
      ...this.#traffic,
      queued: this.#waiting,
      utilization,
      dropped: 0,
      roundTripMs: this.#roundTripMs,
      state: utilization > 0.9 ? 'emergency' : utilization > 0.5 ? 'backpressure' : 'normal',
      streams: this.#watches,
      rawBytes: this.#traffic.bytesSent,
      wireBytes: this.#traffic.bytesSent,
    };
  }

  /** The page learns its rights when it says hello: it comes again, and says it. */
  roleChanged({ name, role }: Principal): void {
    if (role !== this.#principal.role) this.end(OTHER_RIGHTS, `The role of ${name} is now ${role}.`);
  }

  async retire({ reason, drainMs }: { reason: string; retryAfterS: number; drainMs: number }): Promise<void> {
    // Its close frame comes after all that was sent before.
    this.end(RESTART, reason);
    const late = createDeferred<void>();
    using _limit = this.#parts.clock.after(drainMs, () => late.resolve());
    await Promise.race([this.closed, late.promise]);
    this.#socket.terminate();
  }

  end(code: number, reason: string): void {
    if (this.#isEnded) return;
    this.#end();
    const { log } = this.#parts;
    log.write('info', 'screen.closed', { user: this.#principal.name, code, why: reason });
    closeSocket(this.#socket, code, reason);
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#engine?.end('');
  }

  async #open(): Promise<void> {
    this.#socket.pause();
    try {
      const engine = await this.#parts.openEngineLink?.();
      if (!engine) throw new LabError('engine.gone', 'This hub has no way to the engine.');
      if (this.#isEnded) {
        engine.end('');
        return;
      }
      this.#engine = engine;
      engine.onMessage((message) => this.#fromEngine(message));
      void engine.closed.then((reason) => this.end(FAILED, reason));
    } catch (thrown) {
      this.end(TOO_SLOW, LabError.from(thrown).message);
      return;
    } finally {
      this.#socket.resume();
    }
    const { helloMs } = this.#limits;
    const hello = (): void => {
      if (this.#traffic.received === 0) this.end(FAILED, `The page said nothing for ${helloMs / 1000} s.`);
    };
    this.#timers.add(this.#parts.clock.after(helloMs, hello));
  }

  async #renew(input: unknown): Promise<void> {
    try {
      const { token } = loginRenewal.parse(input);
      const next = await this.#parts.access.authenticate(token, { address: this.address });
      if (next.user !== this.#principal.user) throw new LabError('hub.unauthenticated', 'That is another user.');
      if (next.role !== this.#principal.role) this.end(OTHER_RIGHTS, `The role of ${next.name} is now ${next.role}.`);
      this.#principal = next;
      this.#parts.connections.renewed(this);
    } catch (thrown) {
      this.end(NOT_LOGGED_IN, `The login was not renewed: ${LabError.from(thrown).message}`);
    }
  }

  #fromPage(data: RawData, isBinary: boolean): void {
    if (this.#isEnded) return;
    this.#traffic.received++;
    this.#traffic.bytesReceived += (data as Buffer).byteLength;
    if (isBinary) {
      this.end(NO_TEXT, 'Screens send text only; the link is closed and nothing was done.');
      return;
    }
    try {
      this.#take(parseFromScreen(data.toString()));
    } catch (thrown) {
      const error = LabError.from(thrown);
      this.#send(encodeFromEngine({ type: 'error', id: null, error: error.toJSON() }));
      this.end(FAILED, error.message);
    }
  }

  #take(message: FromScreen): void {
    if (message.type === 'cancel') {
      const id = this.#calls.numberOf(message.id);
      if (id !== undefined) this.#engine?.send(encodeFromScreen({ type: 'cancel', id }));
    } else if (message.type === 'request') {
      if (this.#calls.has(message.id)) {
        const text = `The page used the request number ${message.id} twice. The link is closed; the second was not begun.`;
        throw new LabError('link.malformed', text);
      }
      const refusal = refuseCall(message, this.#principal);
      if (refusal) this.#send(encodeFromEngine({ type: 'error', id: message.id, error: refusal.toJSON() }));
      else this.#ask(message, message.id);
    } else if (message.call === RENEW_LOGIN) {
      void this.#renew(message.input);
    } else if (message.call === CREDIT) {
      this.#engine?.send(encodeFromScreen(message));
    } else if (!refuseCall(message, this.#principal)) {
      // A tell says not in whose name it is: what a page tells is asked for, and nobody waits for the answer.
      this.#ask(message, undefined);
    }
  }

  #ask(asked: Omit<Extract<FromScreen, { type: 'request' }>, 'type' | 'id'>, page: number | undefined): void {
    const id = this.#calls.add(asked.call, page);
    const as = askerOf(this.#principal, 'screen', this.id);
    this.#engine?.send(encodeFromScreen({ ...asked, type: 'request', id, as }));
  }

  #fromEngine(message: LinkMessage): void {
    if (this.#isEnded) return;
    if (typeof message !== 'string') {
      this.#send(message);
      return;
    }
    try {
      this.#passOn(message);
    } catch (thrown) {
      // The revision of the next event shows a hole: the page reads the bench again.
      this.#parts.log.write('error', 'screen.fault', { why: LabError.from(thrown).message });
    }
  }

  #passOn(text: string): void {
    const message = parseFromEngine(text);
    const isPublic = !hasRight(this.#principal.role, 'manage');
    if (message.type === 'event') {
      const told = isPublic ? publicEvent(message.event, message.data) : undefined;
      this.#send(told === undefined ? text : encodeFromEngine({ ...message, data: told }));
      return;
    }
    if (message.id === null) {
      this.#send(text);
      return;
    }
    const call = this.#calls.take(message.id);
    if (message.type === 'answer' && call?.call === 'stream.watch') this.#watches++;
    if (message.type === 'answer' && call?.call === 'watch.close') this.#watches--;
    if (call?.page === undefined) return;
    if (message.type === 'error') this.#send(encodeFromEngine({ ...message, id: call.page }));
    else {
      const output = isPublic ? publicAnswer(call.call, message.output) : message.output;
      this.#send(encodeFromEngine({ type: 'answer', id: call.page, output }));
    }
  }

  #send(message: LinkMessage): void {
    const socket = this.#socket;
    if (this.#isEnded || socket.readyState !== socket.OPEN) return;
    this.#traffic.sent++;
    this.#traffic.bytesSent += typeof message === 'string' ? Buffer.byteLength(message) : message.byteLength;
    this.#waiting++;
    socket.send(typeof message === 'string' ? message : new Uint8Array(message), () => this.#waiting--);
    if (socket.bufferedAmount > this.#limits.maxPendingBytes) {
      this.end(TOO_SLOW, 'The page does not read what it is sent. Nothing was lost at the bench; load the page again.');
    }
  }
}
