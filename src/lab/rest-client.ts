import { LabError } from '../core/errors.ts';
import { redact } from '../core/redact.ts';
import type { JsonLimits } from '../protocol/lab/tolerant-json.ts';
import { JSON_LIMITS, parseTolerantJson } from '../protocol/lab/tolerant-json.ts';
import { errorText, httpError } from './http-error.ts';
import type { HttpAnswer, HttpRequest, LabPorts } from './ports.ts';

export interface RestOptions {
  /** `http://host:8000`; paths are joined to it. */
  base: string;
  /** The bearer token as it is now; undefined: none. */
  token?(): string | undefined;
  /** Gets a new token after a 401; false: there is none. Many requests at once ask once. */
  onUnauthorized?(signal: AbortSignal | undefined): Promise<boolean>;
  /** Every answer, for the clock (`date`) and the counts. */
  onAnswer?(answer: HttpAnswer, sentMs: number, receivedMs: number): void;
  timeoutMs?: number;
  maxBytes?: number;
  json?: JsonLimits;
  headers?: Readonly<Record<string, string>>;
}

export interface RestRequest {
  method?: HttpRequest['method'];
  /** Sent as JSON. */
  body?: unknown;
  /** Of the query; undefined ones are left out. */
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  timeoutMs?: number;
  maxBytes?: number;
  signal?: AbortSignal | undefined;
  headers?: Readonly<Record<string, string>>;
  /** Sent without the token (a login), and a 401 is just an answer. */
  isOpen?: boolean;
  /** On a connection of its own (`HttpRequest.isUrgent`). */
  isUrgent?: boolean | undefined;
}

/** An answer of any status. */
export interface RestAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  /** Undefined where the body is no JSON. */
  json: unknown;
  text: string;
  body: Uint8Array;
}

/**
 * REST of one server: JSON both ways, a bearer token that is renewed once, one more try of a GET that a connection lost or that failed without a word of the
 * server's own. No secret gets into a message.
 */
export class RestClient {
  readonly base: string;
  readonly #ports: LabPorts;
  readonly #options: RestOptions;
  #renewal: Promise<boolean> | undefined;

  constructor(ports: LabPorts, options: RestOptions) {
    this.#ports = ports;
    this.#options = options;
    this.base = options.base.replace(/\/+$/, '');
  }

  /** The answer as JSON. Throws as `request`, and server.malformed for a success that is no JSON. */
  async get(path: string, request: RestRequest = {}): Promise<unknown> {
    return this.json(path, { ...request, method: 'GET' });
  }

  async post(path: string, body?: unknown, request: RestRequest = {}): Promise<unknown> {
    return this.json(path, { ...request, method: 'POST', body });
  }

  /** The JSON of a success. Throws server.malformed where it is none. */
  async json(path: string, request: RestRequest = {}): Promise<unknown> {
    const answer = await this.request(path, request);
    if (answer.json !== undefined || answer.body.byteLength === 0) return answer.json;
    throw new LabError(
      'server.malformed',
      `The lab server answered ${this.#what(path, request)} with something that is no JSON. It was left out; see whether this is the right port.`,
      { start: redact(answer.text.slice(0, 80)) },
    );
  }

  /** A success of any kind. Throws server.unauthorized, denied, unsupported (404), busy, rejected, refused, timeout, unreachable; `details.status` is the number. */
  async request(path: string, request: RestRequest = {}): Promise<RestAnswer> {
    const answer = await this.answer(path, request);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw httpError(this.#what(path, request), answer.status, errorText(answer.json, answer.text));
  }

  /** The answer, whatever its status: after the second tries. Throws server.unreachable, server.timeout, call.cancelled, protocol.too-long. */
  async answer(path: string, request: RestRequest = {}): Promise<RestAnswer> {
    const usedToken = request.isOpen ? undefined : this.#options.token?.();
    const answer = await this.#withRetry(path, request);
    if (answer.status !== 401 || request.isOpen || !(await this.#renew(usedToken, request.signal))) return answer;
    return this.#withRetry(path, request);
  }

  async #withRetry(path: string, request: RestRequest): Promise<RestAnswer> {
    const isRepeatable = (request.method ?? 'GET') === 'GET' || request.method === 'HEAD';
    try {
      const answer = await this.#once(path, request);
      // A failure the server has no words for is a fault of the moment (a half-made reading, a race in its handler).
      const isMute = answer.status === 500 && answer.json === undefined;
      return isMute && isRepeatable ? await this.#once(path, request) : answer;
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (!isRepeatable || error.details.cause !== 'ECONNRESET') throw error;
      return this.#once(path, request);
    }
  }

  async #once(path: string, request: RestRequest): Promise<RestAnswer> {
    const { clock } = this.#ports;
    const sentMs = clock.monotonicMs();
    const answer = await this.#ports.http(this.#httpRequest(path, request), request.signal);
    this.#options.onAnswer?.(answer, sentMs, clock.monotonicMs());
    const text = isText(answer) ? new TextDecoder().decode(answer.body) : '';
    return { ...answer, text, json: this.#parse(text) };
  }

  #httpRequest(path: string, request: RestRequest): HttpRequest {
    const token = request.isOpen ? undefined : this.#options.token?.();
    const hasBody = request.body !== undefined;
    return {
      method: request.method ?? 'GET',
      url: `${this.base}${path.startsWith('/') ? '' : '/'}${path}${queryText(path, request.query)}`,
      headers: {
        accept: 'application/json, */*;q=0.5',
        ...this.#options.headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
        ...request.headers,
      },
      ...(hasBody ? { body: JSON.stringify(request.body) } : {}),
      timeoutMs: request.timeoutMs ?? this.#options.timeoutMs ?? 10_000,
      maxBytes: request.maxBytes ?? this.#options.maxBytes ?? 16 * 1024 * 1024,
      ...(request.isUrgent ? { isUrgent: true } : {}),
    };
  }

  #parse(text: string): unknown {
    if (text === '') return undefined;
    try {
      return parseTolerantJson(text, this.#options.json ?? JSON_LIMITS);
    } catch {
      return undefined;
    }
  }

  /** One renewal for all requests that were refused together; a token that changed meanwhile is used as it is. */
  async #renew(usedToken: string | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    const { onUnauthorized, token } = this.#options;
    if (!onUnauthorized) return false;
    if (!this.#renewal && token?.() !== usedToken) return true;
    this.#renewal ??= onUnauthorized(signal).finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  #what(path: string, { method = 'GET' }: RestRequest): string {
    return redact(`${method} ${path.split('?')[0] ?? path}`);
  }
}

function queryText(path: string, query: RestRequest['query']): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return '';
  const text = pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(String(value))}`).join('&');
  return `${path.includes('?') ? '&' : '?'}${text}`;
}

/** Answers that are bytes (traces, pictures) are not read as text. */
function isText({ headers }: HttpAnswer): boolean {
  const type = headers['content-type'] ?? 'application/json';
  return /json|text|xml|javascript|x-www-form/i.test(type);
}
