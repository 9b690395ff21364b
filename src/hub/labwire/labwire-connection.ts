import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import { LabError } from '../../core/errors.ts';
import { type AccessChange, ANONYMOUS, isConcerned, type Principal } from '../access/principal.ts';
import type { FenceReason, ResumeAnswer, SessionHold, SessionOwner } from '../access/resume-session.ts';
import { maySubscribe } from '../access/role.ts';
import type { ConnectionCounts, HubConnection } from '../connection-book.ts';
import { deliveryOptions, NATIVE_DELIVERY } from '../delivery/delivery-options.ts';
import { Outbox } from '../delivery/outbox.ts';
import { CLOSE_RATE } from '../delivery/request-buckets.ts';
import type { SocketVisit } from '../server/door.ts';
import { keepAlive } from '../server/keep-alive.ts';
import { closeSocket, createSocketWire } from '../server/socket-wire.ts';
import type { ChannelEvent } from './channel-desk.ts';
import { type Accept, FREE_TYPES, type Hello, parseHello, parseRequest } from './client-message.ts';
import { connectionStats } from './connection-stats.ts';
import { FrameCompressor } from './frame-compressor.ts';
import { capabilitiesOf } from './greeting.ts';
import type { LabwireRoom } from './labwire-room.ts';
import { LabwireSession, streamKey } from './labwire-session.ts';
import { type Body, type SendOptions, textMessage } from './outgoing.ts';
import { channelsFor, RequestDesk } from './request-desk.ts';
import { planResume, type ResumePlan, resumedEntry } from './resume-plan.ts';
import { batchOfFrames } from './row-form.ts';
import { StreamDesk } from './stream-desk.ts';
import { judgeVia } from './via.ts';
import { errorBody, isoOf, microsOf } from './wire-error.ts';

export const CLOSE = {
  restart: 1012,
  unauthorized: 4401,
  forbidden: 4403,
  noHello: 4408,
  superseded: 4409,
  internal: 4500,
} as const;

/** How often the level of compression is looked at. */
const LOOK_MS = 2000;
/** Messages that wait while the login of the hello is looked at. */
const MAX_EARLY = 64;

/**
 * One client.
 *
 *     greeting ──hello──▶ entering ──login good──▶ ready ──bye, fenced, closed──▶ over
 *        └──10 s: 4408       └──4401, 4403            └──socket lost──▶ over; the session waits 300 s
 */
export class LabwireConnection implements HubConnection, SessionOwner {
  readonly id = randomUUID();
  readonly dialect = 'labwire.1';
  readonly address: string;
  readonly openedNs: bigint;
  readonly closed: Promise<void>;
  readonly #room: LabwireRoom;
  readonly #socket: WebSocket;
  readonly #outbox: Outbox;
  readonly #compressor: FrameCompressor;
  #principal: Principal;
  #state: 'greeting' | 'entering' | 'ready' | 'over' = 'greeting';
  #accept: Accept = { binary: false, codecs: new Set(), priorities: true, ack: false };
  #hold: SessionHold<LabwireSession> | undefined;
  #streams: StreamDesk | undefined;
  #requests: RequestDesk | undefined;
  #entry: Disposable | undefined;
  #early: { data: Buffer; isBinary: boolean }[] = [];
  #isCompressed = true;
  /** How the socket is closed when the session is revoked. */
  #revokeCode: number = CLOSE.unauthorized;
  #client: Hello['client'] = {};
  readonly #timers = new Map<string, Disposable>();
  readonly #scope: Disposable[] = [];
  readonly #counts = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0 };

  constructor(room: LabwireRoom, visit: SocketVisit) {
    this.#room = room;
    const { socket } = visit;
    this.#socket = socket;
    this.#principal = visit.principal;
    this.address = visit.from;
    const { clock } = room.parts;
    this.#compressor = new FrameCompressor(clock);
    this.openedNs = clock.nowNs();
    const wire = createSocketWire(socket, () => this.#outbox.writable());
    this.#outbox = new Outbox(
      {
        send: (data, { compress }) => {
          this.#counts.sent++;
          this.#counts.bytesSent += typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
          wire.send(data, { compress: compress && this.#isCompressed });
        },
        get bufferedBytes() {
          return wire.bufferedBytes;
        },
        close: (code, reason) => wire.close(code, reason),
      },
      {
        clock,
        random: Math.random,
        options: deliveryOptions(NATIVE_DELIVERY, { maxMessages: room.parts.limits.queueItems }),
        joinFrames: batchOfFrames,
        onReport: ({ state, sinceNs, by_class, by_stream }) =>
          this.#say(
            { type: 'drop_report', state, since: microsOf(sinceNs), by_class, by_stream },
            { delivery: 'latest', priority: 'HIGH' },
          ),
        onUndelivered: ({ key, id }) => {
          room.parts.log.write('warning', 'event.undelivered', { client: this.id, channel: key, id });
          this.#say({ type: 'undelivered', ids: id === undefined ? [] : [id], n: 1 }, { delivery: 'latest' });
        },
        onFault: (error) => room.parts.log.write('error', 'labwire.encode', { client: this.id, why: error.message }),
      },
    );
    const { heartbeatS, timeoutS, helloMs } = room.limits;
    const alive = { pingMs: (heartbeatS * 1000) / 2, deadMs: timeoutS * 1000 };
    this.#scope.push(
      keepAlive(socket, clock, { ...alive, onRoundTrip: (ms) => room.parts.metrics.neurograph.heartbeat(ms / 1000) }),
    );
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#lost();
        resolve();
      }),
    );
    this.#after('hello', helloMs, () => this.end(CLOSE.noHello, 'No hello came in time.'));
    this.#say(capabilitiesOf(room.parts, visit.principal, room.limits));
  }

  get principal(): Principal {
    return this.#principal;
  }

  get outbox(): Outbox {
    return this.#outbox;
  }

  get streams(): StreamDesk {
    if (this.#streams) return this.#streams;
    throw new LabError('hub.malformed', 'The first message is hello.');
  }

  get isGreeting(): boolean {
    return this.#state === 'greeting' || this.#state === 'entering';
  }

  counts(): ConnectionCounts {
    const { buffer, performance, state } = this.#outbox.stats();
    return {
      ...this.#counts,
      queued: buffer.size,
      utilization: buffer.utilization,
      dropped: performance.dropped_messages,
      state: state.emergency_mode ? 'emergency' : state.backpressure_active ? 'backpressure' : 'normal',
      streams: this.#streams?.size ?? 0,
      rawBytes: this.#compressor.plainBytes,
      wireBytes: this.#compressor.wireBytes,
    };
  }

  stats(): Record<string, unknown> {
    const { parts, buckets } = this.#room;
    return connectionStats({
      id: this.id,
      openedNs: this.openedNs,
      nowNs: parts.clock.nowNs(),
      outbox: this.#outbox,
      counts: this.#counts,
      rateLimits: buckets.stats(),
      compressor: this.#compressor,
    });
  }

  async retire({ reason, retryAfterS, drainMs }: Parameters<HubConnection['retire']>[0]): Promise<void> {
    this.#streams?.release();
    const token = this.#hold?.reissue();
    this.#say({ type: 'reconnect', reason, retry_after: retryAfterS }, { priority: 'CRITICAL' });
    this.#say(
      {
        type: 'disconnected',
        reason,
        ...(token === undefined ? {} : { reconnection_token: token, expires_in: this.#hold?.expiresInS }),
      },
      { priority: 'CRITICAL' },
    );
    await this.#outbox.drain(drainMs);
    this.end(CLOSE.restart, reason);
    await this.closed;
  }

  end(code: number, reason: string): void {
    closeSocket(this.#socket, code, reason);
    this.#lost();
  }

  /** Another socket has the session, or it ended: what was not sent goes with it. */
  fenced(reason: FenceReason): void {
    this.#keep();
    if (reason === 'superseded') {
      this.end(CLOSE.superseded, 'Another connection of this session took over.');
      return;
    }
    this.#hold?.session.kept[Symbol.dispose]();
    this.end(this.#revokeCode, 'The login ended.');
  }

  reissued(token: string, expiresInS: number): void {
    this.#say({ type: 'reconnection_token', token, expires_in: expiresInS });
  }

  /** Rights changed, or ended. */
  access(change: AccessChange): void {
    if (!isConcerned(this.#principal, change) || this.#state === 'over') return;
    if (change.what === 'ended') {
      this.#revokeCode = change.of === 'user' ? CLOSE.forbidden : CLOSE.unauthorized;
      if (this.isGreeting) this.end(this.#revokeCode, change.reason);
      return;
    }
    const now = this.#room.parts.access.recheck(this.#principal);
    if (now) this.#setRole(now);
  }

  benchChanged(): void {
    this.#streams?.follow();
  }

  #setRole(principal: Principal): void {
    const { roles } = this.#room.parts;
    const { role } = principal;
    const hasChanged = role !== this.#principal.role;
    this.#principal = principal;
    const session = this.#hold?.session.kept;
    if (!session || !hasChanged) return;
    const denied = [...session.channels].filter((channel) => !maySubscribe(role, channel, roles));
    for (const channel of denied) session.channels.delete(channel);
    this.#say({ type: 'permissions_changed', role, channels: channelsFor(role, roles), denied }, { priority: 'HIGH' });
    if (!maySubscribe(role, 'readings', roles)) this.#streams?.stopAll('The role may not read values any more.');
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'over') return;
    this.#counts.received++;
    this.#counts.bytesReceived += data.byteLength;
    if (this.#state === 'entering') {
      this.#early.push({ data, isBinary });
      if (this.#early.length > MAX_EARLY) this.end(CLOSE_RATE, 'Too many messages before the greeting. retry_after=5');
      return;
    }
    const receivedNs = this.#room.parts.clock.nowNs();
    if (isBinary) {
      if (this.#isAllowed('binary', undefined)) this.#refuse('Binary messages are not read here.', undefined);
      return;
    }
    const text = data.toString('utf8');
    if (this.#state === 'greeting') this.#greet(text);
    else this.#request(text, receivedNs);
  }

  #greet(text: string): void {
    const parsed = parseHello(text);
    if (!('hello' in parsed)) {
      if (this.#isAllowed('hello', parsed.re)) this.#refuse(parsed.why, parsed.re);
      return;
    }
    this.#state = 'entering';
    this.#timers.get('hello')?.[Symbol.dispose]();
    this.#enter(parsed.hello).catch((thrown: unknown) => {
      const error = LabError.from(thrown);
      const code = error.code === 'internal.failed' ? CLOSE.internal : CLOSE.unauthorized;
      this.#room.parts.log.write('warning', 'labwire.refused', { from: this.address, why: error.code });
      if (error.code === 'hub.rate-limited' || error.code === 'hub.busy')
        this.end(1013, `${error.message} retry_after=5`);
      else this.end(code, error.message);
    });
  }

  async #enter(hello: Hello): Promise<void> {
    const { parts, channels, limits } = this.#room;
    const fault = judgeVia(hello.via, parts.id);
    if (fault !== undefined) {
      this.end(CLOSE.forbidden, fault);
      return;
    }
    const token = hello.auth?.token;
    if (token !== undefined || this.#principal.user === ANONYMOUS.user)
      this.#principal = await parts.access.authenticate(token, { address: this.address });
    if (this.#isOver()) return;
    parts.connections.admit(this.address, this.#principal.user);
    this.#client = hello.client;
    this.#accept = hello.accept;
    this.#outbox.configure({ hasAcks: hello.accept.ack });
    const answer = this.#session(hello);
    const { hold } = answer;
    this.#hold = hold;
    const session = hold.session.kept;
    const streams = new StreamDesk({
      bench: parts.bench,
      outbox: this.#outbox,
      session,
      accept: this.#accept,
      compressor: this.#compressor,
      limits,
      mayRead: () => maySubscribe(this.#principal.role, 'readings', parts.roles),
    });
    this.#streams = streams;
    this.#requests = new RequestDesk(this.#requestHost(hold, streams, session));
    const plans = answer.isResumed ? this.#plan(session, hello, streams) : new Map<string, ResumePlan>();
    this.#state = 'ready';
    this.#entry = parts.connections.add(this);
    this.#say(this.#connectedBody(hello, answer, plans), { priority: 'CRITICAL' });
    for (const [key, { gap, epoch }] of plans)
      if (gap)
        this.#say(
          { type: 'gap', key, epoch, ...gap, reason: 'They are older than what is sent again.' },
          { priority: 'CRITICAL' },
        );
    this.#apply(hello, session, streams, plans);
    const { unsent } = session;
    session.unsent = undefined;
    if (unsent) this.#outbox.adopt({ ...unsent, sources: [] });
    const { missed, overflow } = session.connect((event) => this.#tell(event));
    if (overflow > 0) this.#say({ type: 'undelivered', ids: [], n: overflow });
    for (const event of missed) this.#tell(event);
    if (!answer.isResumed) session.hear(channels.listen(session));
    session.releaseHolds();
    this.#beat();
    this.#look();
    this.#watchExpiry();
    for (const { data, isBinary } of this.#early.splice(0)) this.#receive(data, isBinary);
  }

  /** Resumes the session of the token, or begins one. */
  #session(hello: Hello): { hold: SessionHold<LabwireSession>; isResumed: boolean; reason: string | undefined } {
    const { sessions, limits } = this.#room;
    const resume = hello.resume;
    let asked: ResumeAnswer<LabwireSession> | undefined;
    if (resume) asked = sessions.resume(resume.token, this.#principal, undefined, this);
    if (asked?.result === 'ok') return { hold: asked.hold, isResumed: true, reason: undefined };
    const hold = sessions.open(this.#principal, hello.client.id ?? this.id, this, new LabwireSession(limits.maxMissed));
    return { hold, isResumed: false, reason: asked?.result };
  }

  /** What of the streams goes on, and from where; streams that are desired no more end. */
  #plan(session: LabwireSession, { desired, resume }: Hello, streams: StreamDesk): Map<string, ResumePlan> {
    const { limits } = this.#room;
    const wanted = new Set(desired.flatMap((one) => ('equipment_id' in one ? [streamKey(one)] : [])));
    for (const key of [...session.wanted.keys()]) if (!wanted.has(key)) session.wanted.delete(key);
    const plans = new Map<string, ResumePlan>();
    const budget = { bytes: limits.replayBytes };
    for (const place of resume?.streams ?? []) {
      const hold = session.holds.get(place.key);
      if (!hold || !session.wanted.has(place.key)) continue;
      plans.set(place.key, planResume(hold.feed, place, streams.nextHandle(), limits, budget));
    }
    return plans;
  }

  #apply(hello: Hello, session: LabwireSession, streams: StreamDesk, plans: ReadonlyMap<string, ResumePlan>): void {
    const asked = hello.desired.flatMap((one) => ('channel' in one ? [one.channel] : []));
    for (const channel of [...session.channels])
      if (asked.includes(channel)) this.#room.parts.metrics.neurograph.subscribed(channel);
      else session.channels.delete(channel);
    if (asked.length > 0) {
      const { channels, denied } = this.#requests?.subscribe(asked) ?? { channels: [], denied: [] };
      this.#say({ type: 'subscribed', channels, denied });
    }
    for (const wanted of hello.desired) {
      if (!('equipment_id' in wanted)) continue;
      try {
        streams.start(wanted, undefined, plans.get(streamKey(wanted)));
      } catch (thrown) {
        this.#requests?.refuse(thrown, undefined);
      }
    }
  }

  #connectedBody(
    { id }: Hello,
    { hold, isResumed, reason }: { hold: SessionHold<LabwireSession>; isResumed: boolean; reason: string | undefined },
    plans: ReadonlyMap<string, ResumePlan>,
  ): Body {
    const { parts } = this.#room;
    const { user, name, role } = this.#principal;
    return {
      type: 'connected',
      ...(id === undefined ? {} : { re: id }),
      client_id: this.id,
      user_id: user === ANONYMOUS.user ? null : name,
      role,
      channels: channelsFor(role, parts.roles),
      reconnected: isResumed,
      ...(reason === undefined ? {} : { reason }),
      resume: { token: hold.token, expires_in: hold.expiresInS },
      session: hold.session.id,
      streams: [...plans].map(([key, plan]) => resumedEntry(key, plan)),
      timestamp: isoOf(parts.clock.nowNs()),
    };
  }

  #requestHost(
    hold: SessionHold<LabwireSession>,
    streams: StreamDesk,
    session: LabwireSession,
  ): ConstructorParameters<typeof RequestDesk>[0] {
    const connection = this;
    return {
      room: this.#room,
      outbox: this.#outbox,
      streams,
      session,
      sessionId: hold.session.id,
      accept: this.#accept,
      get principal() {
        return connection.#principal;
      },
      stats: () => this.stats(),
      tell: (event) => this.#tell(event),
      renew: (token) => this.#renew(token),
      newToken: () => {
        const token = hold.reissue();
        return token === undefined ? undefined : { token, expiresInS: hold.expiresInS };
      },
      setCompressed: (on) => {
        this.#isCompressed = on;
      },
      bye: () => {
        hold.end();
        session[Symbol.dispose]();
        void this.#outbox.drain(1000).then(() => this.end(1000, 'bye'));
      },
    };
  }

  #request(text: string, receivedNs: bigint): void {
    const parsed = parseRequest(text);
    const re = parsed.kind === 'message' ? ('id' in parsed.message ? parsed.message.id : undefined) : parsed.re;
    if (!FREE_TYPES.has(parsed.type) && !this.#isAllowed(parsed.type, re)) return;
    if (parsed.kind === 'message') this.#requests?.take(parsed.message, receivedNs);
    else this.#refuse(parsed.why, re, parsed.kind === 'unknown' ? 'unknown_type' : 'malformed');
  }

  /** False: over its limit; it was told, or the socket is closed. */
  #isAllowed(type: string, re: string | number | undefined): boolean {
    const verdict = this.#room.buckets.take(this.id, type);
    if (verdict.kind === 'allowed') return true;
    const { retryAfterS, action } = verdict;
    if (action === 'close') {
      this.end(CLOSE_RATE, `Too many requests. retry_after=${Math.ceil(retryAfterS)}`);
      return false;
    }
    if (action === 'warn')
      this.#room.parts.log.write('warning', 'labwire.rate', { client: this.id, user: this.#principal.name, type });
    const limit = new LabError('hub.rate-limited', 'Rate limit exceeded', { retryAfterS });
    this.#say(errorBody(limit, this.#room.parts.clock.nowNs(), re), { priority: 'HIGH' });
    return false;
  }

  #refuse(why: string, re: string | number | undefined, code = 'malformed'): void {
    const error = new LabError('hub.malformed', why);
    this.#say({ ...errorBody(error, this.#room.parts.clock.nowNs(), re), code }, { priority: 'HIGH' });
  }

  async #renew(token: string): Promise<Principal> {
    const principal = await this.#room.parts.access.authenticate(token, { address: this.address });
    if (principal.user !== this.#principal.user)
      throw new LabError('hub.forbidden', 'That token is of another user. The connection goes on as it was.');
    this.#setRole(principal);
    this.#watchExpiry();
    return principal;
  }

  /** A login that ended ends the connection, unless it was renewed. */
  #watchExpiry(): void {
    this.#timers.get('expiry')?.[Symbol.dispose]();
    const { expiresMs } = this.#principal;
    if (expiresMs === undefined) return;
    const leftMs = expiresMs - Number(this.#room.parts.clock.nowNs() / 1_000_000n);
    this.#after('expiry', Math.max(0, leftMs), () => this.end(CLOSE.unauthorized, 'The login has run out.'));
  }

  #beat(): void {
    const { clock } = this.#room.parts;
    this.#after('heartbeat', this.#room.limits.heartbeatS * 1000, () => {
      const nowNs = clock.nowNs();
      this.#say(
        {
          type: 'heartbeat',
          active_streams: this.#streams?.size ?? 0,
          t: microsOf(nowNs),
          timestamp: isoOf(nowNs),
          queue: this.#outbox.stats().buffer.size,
        },
        { delivery: 'latest' },
      );
      this.#beat();
    });
  }

  /** How frames are compressed follows the link. */
  #look(): void {
    const { metrics } = this.#room.parts;
    this.#after('look', LOOK_MS, () => {
      const { goodputBytesPerS, shortestRoundTripMs } = this.#outbox.details();
      this.#compressor.look({
        roundTripMs: shortestRoundTripMs,
        bitsPerS: goodputBytesPerS === undefined ? undefined : goodputBytesPerS * 8,
        goodputBytesPerS,
        loopLagMs: metrics.lagMs,
      });
      this.#look();
    });
  }

  #tell(event: ChannelEvent): void {
    const { channel, id, priority, delivery, body } = event;
    const isAcked = delivery === 'event' && this.#accept.ack;
    this.#outbox.offer(
      textMessage(body, { key: `channel ${channel}`, delivery, priority, ...(isAcked ? { id } : {}) }),
    );
  }

  #say(body: Body, options: SendOptions = {}): void {
    if (this.#state !== 'over') this.#outbox.offer(textMessage(body, options));
  }

  #after(name: string, ms: number, run: () => void): void {
    this.#timers.get(name)?.[Symbol.dispose]();
    this.#timers.set(name, this.#room.parts.clock.after(ms, run));
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  /** What the next socket of the session needs; then nothing is sent here any more. */
  #keep(): void {
    const session = this.#hold?.session.kept;
    if (!session || this.#state === 'over') return;
    session.disconnect();
    this.#streams?.keep();
    const unsent = this.#outbox.takeUnsent();
    session.unsent = {
      ...unsent,
      messages: unsent.messages.filter(({ message }) => message.delivery === 'event'),
      sources: [],
    };
  }

  #lost(): void {
    if (this.#state === 'over') return;
    if (this.#hold?.isOwner) this.#keep();
    this.#state = 'over';
    this.#streams?.release();
    this.#outbox.takeUnsent();
    for (const timer of this.#timers.values()) timer[Symbol.dispose]();
    for (const part of this.#scope) part[Symbol.dispose]();
    this.#room.buckets.leave(this.id);
    for (const channel of this.#hold?.session.kept.channels ?? [])
      this.#room.parts.metrics.neurograph.unsubscribed(channel);
    this.#entry?.[Symbol.dispose]();
    this.#hold?.lost();
  }
}
