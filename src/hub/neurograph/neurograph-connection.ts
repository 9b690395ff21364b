import { LabError } from '../../core/errors.ts';
import { TAKEN_OFF } from '../../core/taken-off.ts';
import { packImage, packNeurographFrame, parseNeurographFrame } from '../../protocol/lab/neurograph-frame.ts';
import type { Priority } from '../../protocol/lab/priority.ts';
import { parseTolerantJson } from '../../protocol/lab/tolerant-json.ts';
import { askerOf } from '../access/asker.ts';
import type { Principal } from '../access/principal.ts';
import type { FenceReason, SessionHold, SessionOwner } from '../access/resume-session.ts';
import { admitChannels, type HubChannel, mayBroadcast, maySubscribe } from '../access/role.ts';
import type { ChannelEvent } from '../channels/channel-desk.ts';
import { CLOSE_TOO_LONG, compressBytes, inflateInbound } from '../compression/deflate.ts';
import type { ConnectionCounts, HubConnection } from '../connection-book.ts';
import { deliveryOptions, NATIVE_DELIVERY } from '../delivery/delivery-options.ts';
import type { DeliveryClass, Encoded } from '../delivery/outbound-message.ts';
import { Outbox } from '../delivery/outbox.ts';
import { outboxCounts } from '../delivery/outbox-counts.ts';
import { CLOSE_RATE } from '../delivery/request-buckets.ts';
import type { SocketVisit } from '../server/door.ts';
import { errorBody } from '../server/http-error.ts';
import { keepAlive } from '../server/keep-alive.ts';
import { closeSocket, createSocketWire } from '../server/socket-wire.ts';
import { type NeurographRequest, parseNeurographRequest } from './neurograph-request.ts';
import type { NeurographRoom } from './neurograph-room.ts';
import { NeurographSession } from './neurograph-session.ts';

const PING_MS = 30_000;
/** Shorter events are never packed (upstream's threshold, inclusive). */
const PACK_BYTES = 1024;
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_SUPERSEDED = 4409;

/**
 * One client of NeuroGraph. Its session goes on with a reconnection token: the same client id, its subscriptions, and what happened meanwhile.
 *
 *     open ──close, fenced──▶ over; the session waits 300 s for its token
 */
export class NeurographConnection implements HubConnection, SessionOwner {
  readonly id: string;
  readonly dialect = 'neurograph';
  readonly address: string;
  readonly openedNs: bigint;
  /** NeuroGraph looks at the token once; it has no message for a newer one. */
  readonly isAskedOnce = true;
  readonly #room: NeurographRoom;
  readonly #visit: SocketVisit;
  readonly #outbox: Outbox;
  readonly #hold: SessionHold<NeurographSession>;
  readonly #entry: Disposable;
  readonly #closed: Promise<void>;
  readonly #counts = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, rawBytes: 0, wireBytes: 0 };
  #principal: Principal;
  #pinging: Disposable | undefined;
  #isPacking = false;
  #isTakenOff = false;

  constructor(room: NeurographRoom, visit: SocketVisit) {
    const { parts, sessions } = room;
    const { socket, url } = visit;
    this.#room = room;
    this.#visit = visit;
    this.#principal = visit.principal;
    this.address = visit.from;
    this.openedNs = parts.clock.nowNs();
    this.#outbox = new Outbox(
      createSocketWire(socket, () => this.#outbox.writable()),
      {
        clock: parts.clock,
        budget: parts.queues,
        random: Math.random,
        options: deliveryOptions(NATIVE_DELIVERY, { hasAcks: false, maxMessages: parts.limits.queueItems }),
        onFault: (error) => parts.log.write('error', 'neurograph.encode', { why: error.message }),
      },
    );
    const token = url.searchParams.get('reconnection_token');
    const resumed = token ? sessions.resume(token, visit.principal, undefined, this) : undefined;
    const isResumed = resumed?.result === 'ok';
    const clientId = crypto.randomUUID();
    this.#hold = isResumed
      ? resumed.hold
      : sessions.open(visit.principal, clientId, this, new NeurographSession(parts.channels));
    this.id = this.#hold.session.clientId;
    const alive = keepAlive(socket, parts.clock, {
      onRoundTrip: (ms) => {
        parts.metrics.neurograph.heartbeat(ms / 1000);
        this.#outbox.roundTrip(ms);
      },
    });
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    this.#entry = parts.connections.add(this);
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        alive[Symbol.dispose]();
        this.#lost();
        resolve();
      });
    });
    this.#say({
      type: 'connected',
      client_id: this.id,
      user_id: visit.principal.role === 'anonymous' ? null : visit.principal.name,
      reconnected: isResumed,
      ...(resumed && !isResumed ? { reason: resumed.result } : {}),
      role: visit.principal.role,
    });
    const { kept } = this.#hold.session;
    // Roles are asked again: a session does not outlive what its user may.
    for (const channel of [...kept.channels]) if (!this.#mayHear(channel)) kept.channels.delete(channel);
    for (const channel of kept.channels) parts.metrics.neurograph.subscribed(channel);
    kept.connect((event) => this.#tell(event));
    this.#ping();
  }

  get principal(): Principal {
    return this.#principal;
  }

  get subscriptions(): readonly HubChannel[] {
    return [...this.#hold.session.kept.channels];
  }

  counts(): ConnectionCounts {
    return {
      ...this.#counts,
      ...outboxCounts(this.#outbox),
      streams: 0,
    };
  }

  stats(): Record<string, unknown> {
    return { ...this.#outbox.stats(), subscriptions: this.subscriptions };
  }

  fenced(reason: FenceReason): void {
    const { kept } = this.#hold.session;
    for (const channel of kept.channels) this.#room.parts.metrics.neurograph.unsubscribed(channel);
    kept.disconnect();
    const isSuperseded = reason === 'superseded';
    closeSocket(this.#visit.socket, isSuperseded ? CLOSE_SUPERSEDED : CLOSE_UNAUTHORIZED, reason);
  }

  reissued(token: string, expires_in: number): void {
    this.#say({ type: 'reconnection_token', token, expires_in });
  }

  roleChanged(principal: Principal): void {
    this.#principal = principal;
    const { kept } = this.#hold.session;
    for (const channel of [...kept.channels]) if (!this.#mayHear(channel)) this.#leave(channel);
    this.#say({ type: 'permissions_changed', role: this.#principal.role });
  }

  async retire({ reason, retryAfterS, drainMs }: Parameters<HubConnection['retire']>[0]): Promise<void> {
    this.#pinging?.[Symbol.dispose]();
    this.#say({ type: 'reconnect', reason, retry_after: retryAfterS }, 'reply', 'CRITICAL');
    const token = this.#hold.reissue();
    if (token !== undefined)
      this.#say(
        { type: 'disconnected', reason, reconnection_token: token, expires_in: this.#hold.expiresInS },
        'reply',
        'CRITICAL',
      );
    await this.#outbox.drain(drainMs);
    closeSocket(this.#visit.socket, 1012, reason);
    await this.#closed;
  }

  end(code: number, reason: string): void {
    this.#isTakenOff ||= code === TAKEN_OFF;
    closeSocket(this.#visit.socket, code, reason);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#counts.received++;
    this.#counts.bytesReceived += data.byteLength;
    const { buckets, parts } = this.#room;
    const startMs = parts.clock.monotonicMs();
    const parsed = isBinary ? this.#unpack(data) : parseNeurographRequest(data.toString());
    const type = 'request' in parsed ? parsed.request.type : parsed.type;
    const verdict = buckets.take(this.id, type);
    if (verdict.kind === 'refused') {
      if (verdict.action === 'close') closeSocket(this.#visit.socket, CLOSE_RATE, `retry_after=${verdict.retryAfterS}`);
      else this.#refuse('Rate limit exceeded', 'hub.rate-limited', verdict.retryAfterS);
      return;
    }
    if (!('request' in parsed)) {
      this.#refuse(parsed.fault, 'hub.malformed');
      return;
    }
    void this.#answer(parsed.request, startMs);
  }

  /** Never rejects. */
  async #answer(request: NeurographRequest, startMs: number): Promise<void> {
    const { parts } = this.#room;
    try {
      await this.#carryOut(request);
    } catch (thrown) {
      const error = LabError.from(thrown);
      this.#refuse(error.message, error.code);
    }
    parts.metrics.neurograph.answered(request.type, (parts.clock.monotonicMs() - startMs) / 1000);
  }

  /** A binary message that is compressed JSON is a request like any other; the other kinds say nothing to a hub. */
  #unpack(data: Buffer): ReturnType<typeof parseNeurographRequest> {
    const result = parseNeurographFrame(data, parseTolerantJson);
    if ('fault' in result) return { type: 'binary', fault: result.fault };
    if (result.frame.type !== 'COMPRESSED_JSON')
      return { type: 'binary', fault: `Error processing message: nothing is done with ${result.frame.type}` };
    try {
      return parseNeurographRequest(new TextDecoder().decode(inflateInbound('gzip', result.frame.payload)));
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (error.code === 'protocol.too-long') closeSocket(this.#visit.socket, CLOSE_TOO_LONG, 'too long when inflated');
      return { type: 'binary', fault: `Error processing message: ${error.message}` };
    }
  }

  #carryOut(request: NeurographRequest): Promise<void> | undefined {
    const { kept } = this.#hold.session;
    switch (request.type) {
      case 'ping':
        this.#say({ type: 'pong' });
        return undefined;
      case 'pong':
        return undefined;
      case 'subscribe':
        this.#subscribe(request.channels);
        return undefined;
      case 'unsubscribe':
        for (const channel of request.channels) this.#leave(channel as HubChannel);
        this.#say({ type: 'unsubscribed', channels: request.channels });
        return undefined;
      case 'get_subscriptions':
        this.#say({ type: 'subscriptions', channels: [...kept.channels] });
        return undefined;
      case 'get_reconnection_token':
        this.#giveToken();
        return undefined;
      case 'get_stats':
        this.#say({ type: 'stats', ...this.stats() });
        return undefined;
      case 'broadcast':
        this.#broadcast(request.channel, request.event_type, request.data);
        return undefined;
      case 'set_compression':
        this.#isPacking = request.compression === 'gzip';
        this.#say({ type: 'compression_set', compression: request.compression });
        return undefined;
      case 'get_screenshot':
        return this.#screenshot(request.equipment_id);
    }
  }

  #subscribe(asked: readonly string[]): void {
    const { kept } = this.#hold.session;
    const { allowed, denied } = admitChannels(this.#principal.role, asked, this.#room.parts.roles);
    const channels = allowed as HubChannel[];
    for (const channel of channels) {
      if (kept.channels.has(channel)) continue;
      kept.channels.add(channel);
      this.#room.parts.metrics.neurograph.subscribed(channel);
    }
    const isDenied = denied.length > 0;
    this.#say({
      type: 'subscribed',
      channels,
      ...(isDenied ? { denied, message: `Permission denied for channels: ${denied.join(', ')}` } : {}),
    });
    for (const channel of channels) for (const event of this.#room.parts.channels.standing(channel)) this.#tell(event);
  }

  #leave(channel: HubChannel): void {
    if (this.#hold.session.kept.channels.delete(channel)) this.#room.parts.metrics.neurograph.unsubscribed(channel);
  }

  #mayHear(channel: HubChannel): boolean {
    return maySubscribe(this.#principal.role, channel, this.#room.parts.roles);
  }

  #giveToken(): void {
    if (this.#principal.role === 'anonymous')
      throw new LabError('hub.forbidden', 'Reconnection tokens are only available for authenticated users');
    const token = this.#hold.reissue();
    if (token !== undefined) this.#say({ type: 'reconnection_token', token, expires_in: this.#hold.expiresInS });
  }

  #broadcast(channel: string, eventType: string, data: unknown): void {
    if (!mayBroadcast(this.#principal.role, channel))
      throw new LabError(
        'hub.forbidden',
        `Permission denied: ${this.#principal.role} may not send to ${channel.slice(0, 64)}`,
      );
    const { parts } = this.#room;
    const startMs = parts.clock.monotonicMs();
    const subscribers = parts.channels.publish(channel as HubChannel, eventType, data);
    parts.metrics.neurograph.broadcast(channel, (parts.clock.monotonicMs() - startMs) / 1000);
    this.#say({ type: 'broadcast_sent', channel, subscribers });
  }

  async #screenshot(equipmentId: string): Promise<void> {
    const { bench } = this.#room.parts;
    const { instrument } = bench.find(equipmentId);
    const { type, base64 } = await bench.client.call(
      'instrument.screenshot',
      { instrument: instrument.id },
      { as: askerOf(this.#principal, 'neurograph', this.id) },
    );
    const frame = packImage(Buffer.from(base64, 'base64'), type.replace('image/', ''), null, null);
    this.#offer('screenshot', 'reply', 'NORMAL', frame.length, () => frame, false);
  }

  /** An event as NeuroGraph sends it: without a type. */
  #tell({ channel, priority, delivery, body }: ChannelEvent): void {
    const event = { channel, timestamp: body.timestamp, ...inItsWords(channel, body) };
    const text = JSON.stringify(event);
    // There are no acknowledgements here: what is in the socket is delivered.
    const promise: DeliveryClass = delivery === 'latest' ? 'latest' : 'event';
    if (!this.#isPacking || text.length < PACK_BYTES) {
      this.#offer(`channel ${channel}`, promise, priority, text.length, () => text);
      return;
    }
    this.#offer(`channel ${channel}`, promise, priority, text.length, () => this.#pack(text), false);
  }

  /** Packed where that saves a tenth, else as it is. */
  async #pack(text: string): Promise<Encoded> {
    const plain = new TextEncoder().encode(text);
    const packed = await compressBytes('gzip', 6, plain);
    this.#counts.rawBytes += plain.length;
    if (packed.length > plain.length * 0.9) {
      this.#counts.wireBytes += plain.length;
      return text;
    }
    this.#counts.wireBytes += packed.length;
    const about = { compression: 'gzip', original_size: plain.length, compressed_size: packed.length };
    return packNeurographFrame('COMPRESSED_JSON', about, packed);
  }

  #refuse(message: string, code: string, retryAfterS?: number): void {
    this.#room.parts.metrics.neurograph.failed(code);
    const body = errorBody(new LabError('hub.malformed', message, retryAfterS === undefined ? {} : { retryAfterS }));
    this.#say({ type: 'error', ...body, code, recoverable: true });
  }

  #say(message: Record<string, unknown>, delivery: DeliveryClass = 'reply', priority: Priority = 'HIGH'): void {
    const text = JSON.stringify({ ...message, timestamp: this.#now() });
    this.#offer('', delivery, priority, text.length, () => text);
  }

  #offer(
    key: string,
    delivery: DeliveryClass,
    priority: Priority,
    sizeBytes: number,
    encode: () => Encoded | Promise<Encoded>,
    compress = true,
  ): void {
    const verdict = this.#outbox.offer({
      key,
      delivery,
      priority,
      rows: 0,
      sizeBytes,
      compress,
      encode: () => {
        this.#counts.sent++;
        this.#counts.bytesSent += sizeBytes;
        return encode();
      },
    });
    if (verdict === 'dropped') this.#room.parts.metrics.neurograph.overflowed(this.id, 1);
  }

  #ping(): void {
    this.#pinging = this.#room.parts.clock.after(PING_MS, () => {
      this.#say({ type: 'ping' }, 'latest');
      this.#ping();
    });
  }

  #now(): string {
    return new Date(Number(this.#room.parts.clock.nowNs() / 1_000_000n)).toISOString();
  }

  #lost(): void {
    this.#pinging?.[Symbol.dispose]();
    const { kept } = this.#hold.session;
    if (this.#hold.isOwner) {
      for (const channel of kept.channels) this.#room.parts.metrics.neurograph.unsubscribed(channel);
      kept.disconnect();
      // Nobody can come back as nobody in particular.
      if (this.#principal.role === 'anonymous' || this.#isTakenOff) {
        this.#hold.end();
        kept[Symbol.dispose]();
      } else this.#hold.lost();
    }
    this.#outbox.takeUnsent();
    this.#entry[Symbol.dispose]();
    this.#room.buckets.leave(this.id);
    this.#room.left(this);
  }
}

/** The hub's own figures under the name NeuroGraph's clients look for; a bench has no tokens. */
function inItsWords(
  channel: string,
  { event_type, data }: ChannelEvent['body'],
): { event_type: unknown; data: unknown } {
  if (channel !== 'metrics' || event_type !== 'metrics.snapshot') return { event_type, data };
  return { event_type: 'system_metrics', data: { ...(data as Record<string, unknown>), total_tokens: null } };
}
