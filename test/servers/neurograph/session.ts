import { randomBytes, randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import { accessibleChannels, NEUROGRAPH_CHANNELS, neurographRate } from '../../../src/protocol/lab/neurograph-role.ts';

export type NeurographVersion = '0.60.1' | '1.0.0' | 'fixed';

export interface NeurographKnobs {
  /** `fixed` has the defects of neither: a login has the role of its user. */
  version: NeurographVersion;
  pingMs: number;
  metricsMs: number;
  /** Life of a reconnection token from its issue; s. */
  tokenTtlS: number;
  /** Divides what the buckets hold, so that a test meets a limit sooner. */
  rateDivisor: number;
  /** Clock of the buckets, ms. */
  nowMs(): number;
}

export const NEUROGRAPH_KNOBS: NeurographKnobs = {
  version: '1.0.0',
  pingMs: 30_000,
  metricsMs: 5000,
  tokenTtlS: 300,
  rateDivisor: 1,
  nowMs: () => performance.now(),
};

/** Naive UTC, as `datetime.utcnow().isoformat()`. */
export function naiveUtc(): string {
  return new Date().toISOString().replace('Z', '000');
}

interface Stored {
  userId: string | null;
  role: string | undefined;
  channels: string[];
  untilMs: number;
}

/** Tokens to come back with: in memory, single use, life from issue. They replay nothing. */
export class TokenStore {
  readonly #sessions = new Map<string, Stored>();

  issue(session: Omit<Stored, 'untilMs'>, ttlS: number): string {
    const token = randomBytes(32).toString('base64url');
    this.#sessions.set(token, { ...session, untilMs: Date.now() + ttlS * 1000 });
    return token;
  }

  take(token: string): Stored | undefined {
    const found = this.#sessions.get(token);
    this.#sessions.delete(token);
    return found && found.untilMs > Date.now() ? found : undefined;
  }
}

/** One client of the socket. */
export class NeurographClient {
  readonly id = randomUUID();
  readonly socket: WebSocket;
  readonly userId: string | null;
  readonly role: string | undefined;
  readonly channels = new Set<string>();
  /** Texts the client sent. */
  readonly received: string[] = [];
  readonly #knobs: NeurographKnobs;
  readonly #tokens: TokenStore;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(
    socket: WebSocket,
    who: { userId: string | null; role: string | undefined; channels: readonly string[]; isRestored: boolean },
    knobs: NeurographKnobs,
    tokens: TokenStore,
  ) {
    this.socket = socket;
    this.userId = who.userId;
    this.role = who.role;
    this.#knobs = knobs;
    this.#tokens = tokens;
    for (const channel of who.channels) this.channels.add(channel);
    socket.on('message', (data, isBinary) => {
      // receive_text of the server dies of a binary frame.
      if (isBinary) return void socket.terminate();
      this.received.push(String(data));
      this.#take(String(data));
    });
    this.send({
      type: 'connected',
      client_id: this.id,
      user_id: who.userId,
      reconnected: who.isRestored,
      timestamp: naiveUtc(),
    });
  }

  /** Gives true, so that an answer is one line. */
  send(message: unknown): true {
    this.socket.send(JSON.stringify(message));
    return true;
  }

  #take(text: string): true {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return this.send({ type: 'error', message: 'Invalid JSON format' });
    }
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      const kind = Array.isArray(message) ? 'list' : typeof message === 'number' ? 'int' : 'str';
      return this.send({
        type: 'error',
        message: `Error processing message: '${kind}' object has no attribute 'get'`,
      });
    }
    const request = message as Record<string, unknown>;
    const missing = this.#knobs.version === '0.60.1' ? 'None' : 'unknown';
    const type = typeof request.type === 'string' ? request.type : missing;
    const waitS = this.#limit(type);
    if (waitS > 0) return this.send({ type: 'error', message: 'Rate limit exceeded', retry_after: waitS });
    return this.#answer(type, request);
  }

  /** Seconds until the next message of that type may come; 0: now. */
  #limit(type: string): number {
    const { capacity, perS } = neurographRate(type);
    const most = capacity / this.#knobs.rateDivisor;
    const nowMs = this.#knobs.nowMs();
    const bucket = this.#buckets.get(type) ?? { tokens: most, atMs: nowMs };
    bucket.tokens = Math.min(most, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perS);
    bucket.atMs = nowMs;
    this.#buckets.set(type, bucket);
    if (bucket.tokens < 1) return (1 - bucket.tokens) / perS;
    bucket.tokens--;
    return 0;
  }

  #answer(type: string, request: Record<string, unknown>): true {
    const timestamp = naiveUtc();
    switch (type) {
      case 'ping':
        return this.send({ type: 'pong', timestamp });
      case 'subscribe':
        return this.#subscribe(request.channels ?? [], timestamp);
      case 'unsubscribe': {
        const channels = request.channels ?? [];
        if (!Array.isArray(channels)) return this.send({ type: 'error', message: 'channels must be an array' });
        for (const channel of channels) this.channels.delete(String(channel));
        return this.send({ type: 'unsubscribed', channels, timestamp });
      }
      case 'get_subscriptions':
        return this.send({ type: 'subscriptions', channels: [...this.channels], timestamp });
      case 'get_reconnection_token': {
        if (this.userId === null) {
          const message = 'Reconnection tokens are only available for authenticated users';
          return this.send({ type: 'error', message });
        }
        const kept = { userId: this.userId, role: this.role, channels: [...this.channels] };
        const token = this.#tokens.issue(kept, this.#knobs.tokenTtlS);
        return this.send({ type: 'reconnection_token', token, expires_in: this.#knobs.tokenTtlS, timestamp });
      }
      default:
        return this.send({ type: 'error', message: `Unknown message type: ${type}` });
    }
  }

  #subscribe(asked: unknown, timestamp: string): true {
    if (!Array.isArray(asked)) return this.send({ type: 'error', message: 'channels must be an array' });
    const open = accessibleChannels(this.role);
    const isOpen = (channel: unknown): boolean =>
      open.includes(String(channel)) && (NEUROGRAPH_CHANNELS as readonly string[]).includes(String(channel));
    const channels = asked.filter(isOpen).map(String);
    const denied = asked.filter((channel) => !isOpen(channel)).map(String);
    for (const channel of channels) this.channels.add(channel);
    const refusal =
      denied.length > 0 ? { denied, message: `Permission denied for channels: ${denied.join(', ')}` } : {};
    return this.send({ type: 'subscribed', channels, timestamp, ...refusal });
  }
}
