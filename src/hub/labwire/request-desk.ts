import { LabError } from '../../core/errors.ts';
import type { Principal } from '../access/principal.ts';
import type { Outbox } from '../delivery/outbox.ts';
import { microsOf } from '../server-time.ts';
import type { AcquisitionDesk } from './acquisition-desk.ts';
import type { ClientMessage } from './client-message.ts';
import { readHistory } from './history-desk.ts';
import type { LabwireRoom } from './labwire-room.ts';
import { type LabwireSession, streamKey } from './labwire-session.ts';
import { type Body, readyMessage, textMessage } from './outgoing.ts';
import { answerRecording, type RecordingRequest } from './recording-requests.ts';
import type { RowAccept } from './row-form.ts';
import type { StreamDesk } from './stream-desk.ts';
import { channelsFor, type SubscriptionDesk } from './subscription-desk.ts';
import type { TransferDesk } from './transfer-desk.ts';
import { errorBody } from './wire-error.ts';

type Re = string | number | undefined;

/** The connection a request came on. */
export interface RequestHost {
  readonly room: LabwireRoom;
  readonly outbox: Outbox;
  readonly streams: StreamDesk;
  readonly acquisitions: AcquisitionDesk;
  readonly transfers: TransferDesk;
  readonly session: LabwireSession;
  readonly sessionId: string;
  readonly principal: Principal;
  readonly accept: RowAccept;
  readonly subscriptions: SubscriptionDesk;
  stats(): Record<string, unknown>;
  /** Throws hub.unauthenticated, hub.expired. */
  renew(token: string): Promise<Principal>;
  newToken(): { token: string; expiresInS: number } | undefined;
  setCompressed(on: boolean): void;
  bye(): void;
}

/** Carries out what a client asks, each request once; each with an id is answered exactly once with `re`. */
export class RequestDesk {
  readonly #host: RequestHost;

  constructor(host: RequestHost) {
    this.#host = host;
  }

  /** Never throws. `receivedNs`: when it came, for the clock. */
  take(message: ClientMessage, receivedNs: bigint): void {
    const re = 'id' in message ? message.id : undefined;
    try {
      const work = this.#carryOut(message, re, receivedNs);
      work?.catch((thrown: unknown) => this.refuse(thrown, re));
    } catch (thrown) {
      this.refuse(thrown, re);
    }
  }

  refuse(thrown: unknown, re: Re): void {
    const error = LabError.from(thrown);
    const { parts } = this.#host.room;
    parts.metrics.neurograph.failed(error.code);
    this.#host.outbox.offer(textMessage(errorBody(error, parts.clock.nowNs(), re), { priority: 'HIGH' }));
  }

  #carryOut(message: ClientMessage, re: Re, receivedNs: bigint): Promise<void> | undefined {
    const { outbox, streams, session } = this.#host;
    switch (message.type) {
      case 'ack':
        outbox.ack(message.bytes);
        return undefined;
      case 'event_ack':
        outbox.ackEvents(message.ids);
        return undefined;
      case 'pong':
        return undefined;
      case 'ping':
        this.#pong(message.t0, re, receivedNs);
        return undefined;
      case 'start_stream':
        streams.start(message, re);
        return undefined;
      case 'stop_stream': {
        const key = keyOf(message);
        if (!streams.stop(key, 'asked', re)) throw notWanted(key);
        return undefined;
      }
      case 'start_acquisition_stream':
        this.#host.acquisitions.start(message, re);
        return undefined;
      case 'stop_acquisition_stream': {
        const { acquisition_id } = message;
        if (!this.#host.acquisitions.stop(acquisition_id, 'asked', re)) throw notFollowed(acquisition_id);
        return undefined;
      }
      case 'start_transfer':
        return this.#host.transfers.start(message, re);
      case 'stop_transfer':
        if (!this.#host.transfers.stop(message.transfer, re))
          throw new LabError('hub.unknown', 'There is no such transfer here. Nothing was done.');
        return undefined;
      case 'start_recording':
      case 'stop_recording':
        return this.#record(message, re);
      case 'set_priority': {
        const key = keyOf(message);
        streams.setPriority(key, message.priority);
        this.#answer({ type: 'priority_set', key, priority: message.priority }, re);
        return undefined;
      }
      case 'set_compression': {
        const { compression } = message;
        this.#host.setCompressed(compression !== 'none');
        streams.setCodecs(compression === 'none' ? new Set(['raw']) : this.#host.accept.codecs);
        this.#answer({ type: 'compression_set', compression }, re);
        return undefined;
      }
      case 'subscribe':
        this.#answer({ type: 'subscribed', ...this.#host.subscriptions.join(channelsOf(message)) }, re);
        return undefined;
      case 'unsubscribe': {
        const channels = channelsOf(message);
        this.#host.subscriptions.leave(channels);
        this.#answer({ type: 'unsubscribed', channels }, re);
        return undefined;
      }
      case 'get_subscriptions':
        this.#answer(
          { type: 'subscriptions', channels: [...session.channels], streams: [...session.wanted.keys()] },
          re,
        );
        return undefined;
      case 'broadcast': {
        const { channel, event_type, data } = message;
        const recipients = this.#host.subscriptions.broadcast(channel, event_type, data);
        this.#answer({ type: 'broadcast_sent', channel, recipients }, re);
        return undefined;
      }
      case 'get_stats':
        this.#answer({ type: 'stats', ...this.#host.stats() }, re);
        return undefined;
      case 'get_reconnection_token':
        this.#token(re);
        return undefined;
      case 'history':
        return this.#history(message, re);
      case 'command':
        return this.#command(message, re);
      case 'auth_refresh':
        return this.#renew(message.token, re);
      case 'bye':
        this.#answer({ type: 'bye' }, re);
        this.#host.bye();
        return undefined;
    }
  }

  #pong(t0: number | undefined, re: Re, receivedNs: bigint): void {
    const { clock } = this.#host.room.parts;
    this.#host.outbox.offer({
      ...textMessage({ type: 'pong' }),
      encode: () =>
        JSON.stringify({
          type: 'pong',
          ...(re === undefined ? {} : { id: re, re }),
          ...(t0 === undefined ? {} : { t0 }),
          t1: microsOf(receivedNs),
          t2: microsOf(clock.nowNs()),
        }),
    });
  }

  #token(re: Re): void {
    const issued = this.#host.newToken();
    if (!issued) throw new LabError('hub.busy', 'The session is over. There is no token; connect anew.');
    this.#answer({ type: 'reconnection_token', token: issued.token, expires_in: issued.expiresInS }, re);
  }

  async #history({ key, epoch, from, to }: Extract<ClientMessage, { type: 'history' }>, re: Re): Promise<void> {
    const { streams, room, accept, outbox } = this.#host;
    const source = streams.source(key);
    const hold = streams.hold(key);
    if (!source || !hold) throw notWanted(key);
    const answer = await readHistory(
      room.past,
      { source, feed: hold.feed },
      accept,
      { epoch, from, to },
      {
        maxRows: room.limits.historyRows,
        maxFrameBytes: outbox.options.maxFrameBytes / 4,
      },
    );
    // One key: the answer comes after its rows.
    const lane = `history ${key}`;
    for (const data of answer.rows) outbox.offer(readyMessage(data, lane, 'NORMAL'));
    const { n, missing } = answer;
    outbox.offer(
      textMessage({ type: 'history', ...withRe(re), key, epoch, n, missing }, { key: lane, priority: 'NORMAL' }),
    );
  }

  async #command(command: Extract<ClientMessage, { type: 'command' }>, re: Re): Promise<void> {
    const { room, principal, sessionId } = this.#host;
    const { clock, metrics } = room.parts;
    const beganMs = clock.monotonicMs();
    const result = await room.commands.run(command, { principal, session: sessionId });
    metrics.neurograph.answered('command', (clock.monotonicMs() - beganMs) / 1000);
    const { equipment_id, action } = command;
    this.#answer(
      { type: 'command_result', ...(equipment_id === undefined ? {} : { equipment_id }), action, ...result },
      re,
    );
  }

  async #record(message: RecordingRequest, re: Re): Promise<void> {
    const { room, principal, session } = this.#host;
    this.#answer(await answerRecording(room.parts, { principal, session }, message), re);
  }

  async #renew(token: string, re: Re): Promise<void> {
    const { role, expiresMs } = await this.#host.renew(token);
    const { clock, roles } = this.#host.room.parts;
    const nowMs = Number(clock.nowNs() / 1_000_000n);
    this.#answer(
      {
        type: 'auth_refreshed',
        role,
        channels: channelsFor(role, roles),
        ...(expiresMs === undefined ? {} : { expires_in: Math.max(0, Math.round((expiresMs - nowMs) / 1000)) }),
      },
      re,
    );
  }

  #answer(body: Body, re: Re): void {
    const { type, ...rest } = body;
    this.#host.outbox.offer(textMessage({ type, ...withRe(re), ...rest }));
  }
}

function withRe(re: Re): Record<string, unknown> {
  return re === undefined ? {} : { re };
}

/** Throws hub.malformed. */
function keyOf({
  key,
  equipment_id,
  stream_type,
}: {
  key?: string;
  equipment_id?: string;
  stream_type?: string;
}): string {
  if (key !== undefined) return key;
  if (equipment_id !== undefined && stream_type !== undefined) return streamKey({ equipment_id, stream_type });
  throw new LabError('hub.malformed', 'Name the stream: key, or equipment_id and stream_type. Nothing was done.');
}

/** Throws hub.malformed. */
function channelsOf({ channels, channel }: { channels?: string[]; channel?: string }): string[] {
  const named = channels ?? (channel === undefined ? undefined : [channel]);
  if (named) return [...new Set(named)];
  throw new LabError('hub.malformed', 'channels must be an array. Nothing was done.');
}

function notWanted(key: string): LabError {
  return new LabError('hub.no-stream', `The stream ${key.slice(0, 200)} does not run here. Nothing was done.`);
}

function notFollowed(acquisition: string): LabError {
  return new LabError(
    'hub.unknown',
    `Acquisition ${acquisition.slice(0, 100)} is not followed here. Nothing was done.`,
  );
}
