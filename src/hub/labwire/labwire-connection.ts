import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import { LabError } from '../../core/errors.ts';
import { TAKEN_OFF } from '../../core/taken-off.ts';
import { ANONYMOUS, type Principal } from '../access/principal.ts';
import type { FenceReason, SessionHold, SessionOwner } from '../access/resume-session.ts';
import { hasRight, maySubscribe } from '../access/role.ts';
import type { ChannelEvent } from '../channels/channel-desk.ts';
import type { ConnectionCounts, HubConnection } from '../connection-book.ts';
import type { Outbox } from '../delivery/outbox.ts';
import { outboxCounts } from '../delivery/outbox-counts.ts';
import { CLOSE_RATE } from '../delivery/request-buckets.ts';
import { DeflateLevel } from '../server/deflate-level.ts';
import type { SocketVisit } from '../server/door.ts';
import { retryAfterOf } from '../server/http-error.ts';
import { keepAlive } from '../server/keep-alive.ts';
import { closeSocket } from '../server/socket-wire.ts';
import { AcquisitionDesk } from './acquisition-desk.ts';
import { ClientDuties } from './client-duties.ts';
import { type Accept, FREE_TYPES, type Hello, parseHello, parseRequest } from './client-message.ts';
import { createClientOutbox } from './client-outbox.ts';
import { connectionStats } from './connection-stats.ts';
import { connectedBody, gapBodies, NOTHING_RESUMED, planStreams, takeSession } from './entry.ts';
import { FrameCompressor } from './frame-compressor.ts';
import { capabilitiesOf } from './greeting.ts';
import type { LabwireRoom } from './labwire-room.ts';
import { type LabwireSession, streamKey } from './labwire-session.ts';
import { type Body, eventMessage, LANE, type SendOptions, textMessage } from './outgoing.ts';
import { recordingFigures } from './recording-requests.ts';
import { RequestDesk } from './request-desk.ts';
import type { ResumePlan } from './resume-plan.ts';
import { StreamDesk } from './stream-desk.ts';
import { channelsFor, SubscriptionDesk } from './subscription-desk.ts';
import { TransferDesk } from './transfer-desk.ts';
import { judgeVia } from './via.ts';
import { errorBody } from './wire-error.ts';

const CLOSE = {
  restart: 1012,
  unauthorized: 4401,
  forbidden: 4403,
  noHello: 4408,
  superseded: 4409,
  internal: 4500,
} as const;

/** Messages that wait while the login of the hello is looked at. */
const MAX_EARLY = 64;

/** What a client that is ready works with. */
interface Desks {
  streams: StreamDesk;
  acquisitions: AcquisitionDesk;
  transfers: TransferDesk;
  subscriptions: SubscriptionDesk;
}

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
  readonly #deflate: DeflateLevel;
  #principal: Principal;
  #state: 'greeting' | 'entering' | 'ready' | 'over' = 'greeting';
  #accept: Accept = { binary: false, codecs: new Set(), priorities: true, ack: false };
  #hold: SessionHold<LabwireSession> | undefined;
  #streams: StreamDesk | undefined;
  #acquisitions: AcquisitionDesk | undefined;
  #transfers: TransferDesk | undefined;
  #requests: RequestDesk | undefined;
  #entry: Disposable | undefined;
  #early: { data: Buffer; isBinary: boolean }[] = [];
  #isCompressed = true;
  readonly #duties: ClientDuties;
  readonly #alive: Disposable;
  readonly #counts = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0 };

  constructor(room: LabwireRoom, visit: SocketVisit) {
    this.#room = room;
    const { socket } = visit;
    this.#socket = socket;
    this.#principal = visit.principal;
    this.address = visit.from;
    const { clock } = room.parts;
    this.#compressor = new FrameCompressor(clock);
    this.#deflate = new DeflateLevel(socket);
    this.openedNs = clock.nowNs();
    this.#outbox = createClientOutbox(room, {
      id: this.id,
      socket,
      counts: this.#counts,
      isCompressed: () => this.#isCompressed,
      say: (body, options) => this.#say(body, options),
    });
    const { heartbeatS, timeoutS, helloMs } = room.limits;
    const alive = { pingMs: (heartbeatS * 1000) / 2, deadMs: timeoutS * 1000 };
    const onRoundTrip = (ms: number): void => room.parts.metrics.neurograph.heartbeat(ms / 1000);
    this.#alive = keepAlive(socket, clock, { ...alive, onRoundTrip });
    this.#duties = new ClientDuties({
      room,
      outbox: this.#outbox,
      compressor: this.#compressor,
      deflate: this.#deflate,
      streams: () => this.#running,
      say: (body, options) => this.#say(body, options),
    });
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#lost();
        resolve();
      }),
    );
    this.#duties.after('hello', helloMs, () => this.end(CLOSE.noHello, 'No hello came in time.'));
    this.#say(capabilitiesOf(room.parts, visit.principal, room.limits));
  }

  get principal(): Principal {
    return this.#principal;
  }

  get isGreeting(): boolean {
    return this.#state === 'greeting' || this.#state === 'entering';
  }

  counts(): ConnectionCounts {
    return {
      ...this.#counts,
      ...outboxCounts(this.#outbox),
      streams: this.#running,
      rawBytes: this.#compressor.plainBytes,
      wireBytes: this.#compressor.wireBytes,
    };
  }

  stats(): Record<string, unknown> {
    const { parts, buckets } = this.#room;
    return {
      ...connectionStats({
        id: this.id,
        openedNs: this.openedNs,
        nowNs: parts.clock.nowNs(),
        outbox: this.#outbox,
        counts: this.#counts,
        rateLimits: buckets.stats(),
        compressor: this.#compressor,
        deflate: this.#deflate,
      }),
      ...recordingFigures(parts, this.#principal),
    };
  }

  async retire({ reason, retryAfterS, drainMs }: Parameters<HubConnection['retire']>[0]): Promise<void> {
    this.#acquisitions?.[Symbol.dispose]();
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
    if (code === TAKEN_OFF && this.#hold?.isOwner) {
      this.#hold.end();
      this.#hold.session.kept[Symbol.dispose]();
    }
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
    this.end(CLOSE.unauthorized, 'The login ended.');
  }

  reissued(token: string, expiresInS: number): void {
    this.#say({ type: 'reconnection_token', token, expires_in: expiresInS });
  }

  roleChanged(principal: Principal): void {
    if (this.#state !== 'over') this.#setRole(principal);
  }

  get #running(): number {
    return (this.#streams?.size ?? 0) + (this.#acquisitions?.size ?? 0);
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
    if (!hasRight(role, 'control')) this.#transfers?.stopAll('The role may not have transfers any more.');
    if (!maySubscribe(role, 'acquisition', roles))
      this.#acquisitions?.stopAll('The role has no acquisitions any more.');
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
    this.#duties.cancel('hello');
    this.#enter(parsed.hello).catch((thrown: unknown) => {
      const error = LabError.from(thrown);
      const code = error.code === 'internal.failed' ? CLOSE.internal : CLOSE.unauthorized;
      this.#room.parts.log.write('warning', 'labwire.refused', { from: this.address, why: error.code });
      if (error.code === 'hub.rate-limited' || error.code === 'hub.busy')
        this.end(1013, `${error.message} retry_after=${Math.ceil(retryAfterOf(error) ?? 5)}`);
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
    else this.#principal = this.#stillGood();
    if (this.#isOver()) return;
    parts.connections.admit(this.address, this.#principal.user);
    this.#accept = hello.accept;
    this.#outbox.configure({ hasAcks: hello.accept.ack });
    const entry = takeSession(this.#room, hello, this.#principal, this);
    const { hold } = entry;
    this.#hold = hold;
    const session = hold.session.kept;
    session.came = { address: this.address, openedNs: this.openedNs };
    const streams = new StreamDesk({
      hub: parts.id,
      bench: parts.bench,
      outbox: this.#outbox,
      session,
      accept: this.#accept,
      compressor: this.#compressor,
      limits,
      mayRead: () => maySubscribe(this.#principal.role, 'readings', parts.roles),
      nowNs: () => parts.clock.nowNs(),
    });
    this.#streams = streams;
    const acquisitions = new AcquisitionDesk({
      parts,
      outbox: this.#outbox,
      mayAcquire: () => maySubscribe(this.#principal.role, 'acquisition', parts.roles),
      maxMessageBytes: this.#outbox.options.maxFrameBytes,
    });
    this.#acquisitions = acquisitions;
    const transfers = new TransferDesk({
      parts,
      outbox: this.#outbox,
      shelf: session.transfers,
      binary: this.#accept.binary,
      asker: () => {
        const commander = { principal: this.#principal, session: hold.session.id };
        return { principal: this.#principal, as: { as: this.#room.commands.asker(commander) } };
      },
      nextHandle: () => streams.nextHandle(),
      mayTransfer: () => hasRight(this.#principal.role, 'control'),
    });
    this.#transfers = transfers;
    const subscriptions = new SubscriptionDesk(this.#clientHost(session));
    const desks = { streams, acquisitions, transfers, subscriptions };
    const requests = new RequestDesk(this.#requestHost(hold, desks));
    this.#requests = requests;
    const { plans, gaps } = entry.isResumed ? planStreams(session, hello, streams, limits) : NOTHING_RESUMED;
    this.#state = 'ready';
    this.#entry = parts.connections.add(this);
    const client = { id: this.id, principal: this.#principal, re: hello.id };
    this.#say(connectedBody(this.#room, client, entry, plans), { priority: 'CRITICAL' });
    for (const body of gapBodies(plans, gaps)) this.#say(body, { priority: 'CRITICAL' });
    this.#apply(hello, desks, requests, plans);
    this.#catchUp(session);
    if (!entry.isResumed) session.hear(channels.listen(session));
    session.feeds.release();
    this.#duties.begin();
    for (const { data, isBinary } of this.#early.splice(0)) this.#receive(data, isBinary);
  }

  /** Of the token of the handshake, which may have ended before the hello. Throws hub.expired. */
  #stillGood(): Principal {
    const now = this.#room.parts.access.recheck(this.#principal);
    if (now) return now;
    throw new LabError('hub.expired', 'The login ended before the greeting. Log in again.');
  }

  /** Events the client has not got, of channels it still hears. */
  #catchUp(session: LabwireSession): void {
    const { unsent, channels } = session;
    session.unsent = undefined;
    if (unsent) {
      const messages = unsent.messages.filter(({ message }) => channels.has(channelOf(message.key)));
      this.#outbox.adopt({ messages, skips: unsent.skips, sources: [] });
    }
    const { missed, overflow } = session.connect((event) => this.#tell(event));
    if (overflow > 0) this.#say({ type: 'undelivered', ids: [], n: overflow });
    for (const event of missed) if (channels.has(event.channel)) this.#tell(event);
  }

  /** What is desired runs, nothing else. */
  #apply(
    { desired }: Hello,
    { streams, acquisitions, subscriptions }: Desks,
    requests: RequestDesk,
    plans: ReadonlyMap<string, ResumePlan>,
  ): void {
    const channels = desired.flatMap((one) => ('channel' in one ? [one.channel] : []));
    const joined = subscriptions.desire(channels);
    if (channels.length > 0) this.#say({ type: 'subscribed', ...joined });
    for (const wanted of desired) {
      try {
        if ('equipment_id' in wanted) streams.start(wanted, undefined, plans.get(streamKey(wanted)));
        else if ('acquisition_id' in wanted) acquisitions.start(wanted);
      } catch (thrown) {
        requests.refuse(thrown, undefined);
      }
    }
  }

  #clientHost(session: LabwireSession): ConstructorParameters<typeof SubscriptionDesk>[0] {
    const connection = this;
    return {
      room: this.#room,
      session,
      get principal() {
        return connection.#principal;
      },
      tell: (event) => this.#tell(event),
    };
  }

  #requestHost(hold: SessionHold<LabwireSession>, desks: Desks): ConstructorParameters<typeof RequestDesk>[0] {
    const connection = this;
    const session = hold.session.kept;
    return {
      room: this.#room,
      outbox: this.#outbox,
      ...desks,
      session,
      sessionId: hold.session.id,
      accept: this.#accept,
      get principal() {
        return connection.#principal;
      },
      stats: () => this.stats(),
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
    this.#room.parts.connections.renewed(this);
    return principal;
  }

  #tell(event: ChannelEvent): void {
    this.#outbox.offer(eventMessage(event, event.delivery === 'event' && this.#accept.ack));
  }

  #say(body: Body, options: SendOptions = {}): void {
    if (this.#state !== 'over') this.#outbox.offer(textMessage(body, options));
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
    this.#transfers?.[Symbol.dispose]();
    this.#acquisitions?.[Symbol.dispose]();
    this.#streams?.release();
    this.#outbox.takeUnsent();
    this.#duties[Symbol.dispose]();
    this.#alive[Symbol.dispose]();
    this.#room.buckets.leave(this.id);
    for (const channel of this.#hold?.session.kept.channels ?? [])
      this.#room.parts.metrics.neurograph.unsubscribed(channel);
    this.#entry?.[Symbol.dispose]();
    this.#hold?.lost();
  }
}

function channelOf(key: string): string {
  return key.startsWith(LANE) ? key.slice(LANE.length) : '';
}
