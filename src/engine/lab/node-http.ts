import type { IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { LabError } from '../../core/errors.ts';
import { redact } from '../../core/redact.ts';
import type { HttpAnswer, HttpRequest } from '../../lab/ports.ts';

/** Connections kept to one server; polling uses one of them again and again. */
const SOCKETS = 8;
const IDLE_MS = 15_000;

/** HTTP by Node with kept connections; disposing closes them. */
export function createHttp(
  isSecure: boolean,
): { ask(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer> } & Disposable {
  const kept = { keepAlive: true, maxSockets: SOCKETS, timeout: IDLE_MS };
  const plain = new HttpAgent(kept);
  const secure = new HttpsAgent({ ...kept, rejectUnauthorized: isSecure });
  // Urgent ones: as many as are asked for, each on a new connection.
  const own = new HttpAgent({ keepAlive: false });
  const ownSecure = new HttpsAgent({ keepAlive: false, rejectUnauthorized: isSecure });
  return {
    async ask(request, signal) {
      const isTls = request.url.startsWith('https:');
      const agents = request.isUrgent ? { plain: own, secure: ownSecure } : { plain, secure };
      const open = (options: RequestOptions): ReturnType<typeof httpRequest> =>
        isTls
          ? httpsRequest(request.url, { ...options, agent: agents.secure })
          : httpRequest(request.url, { ...options, agent: agents.plain });
      try {
        return await ask(request, signal, open);
      } catch (thrown) {
        // A network that broke silently has broken every connection that was kept: the next question must not wait on another of them.
        if (thrown instanceof LabError && thrown.code === 'server.timeout') dropIdle(isTls ? secure : plain);
        throw thrown;
      }
    },
    [Symbol.dispose]() {
      for (const agent of [plain, secure, own, ownSecure]) agent.destroy();
    },
  };
}

function dropIdle(agent: HttpAgent): void {
  for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) socket.destroy();
}

async function ask(
  request: HttpRequest,
  signal: AbortSignal | undefined,
  open: (options: RequestOptions) => ReturnType<typeof httpRequest>,
): Promise<HttpAnswer> {
  if (signal?.aborted) throw cancelled(signal);
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), request.timeoutMs);
  const stop = signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal;
  try {
    const response = await answerOf(request, open, stop);
    return { status: response.statusCode ?? 0, headers: headersOf(response), body: await bodyOf(request, response) };
  } catch (thrown) {
    if (signal?.aborted) throw cancelled(signal);
    if (timeout.signal.aborted) throw late(request);
    throw thrown instanceof LabError ? thrown : unreachable(request, thrown);
  } finally {
    clearTimeout(timer);
  }
}

function answerOf(
  request: HttpRequest,
  open: (options: RequestOptions) => ReturnType<typeof httpRequest>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const body = request.body === undefined ? undefined : Buffer.from(request.body, 'utf8');
    const length = body ? { 'content-length': String(body.length) } : {};
    const asked = open({ method: request.method, headers: { ...request.headers, ...length }, signal });
    asked.once('response', resolve);
    // Also after the answer began: then the body says so, too.
    asked.on('error', reject);
    asked.end(body);
  });
}

async function bodyOf(request: HttpRequest, response: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    if (length <= request.maxBytes) continue;
    response.destroy();
    throw new LabError(
      'protocol.too-long',
      `The lab server answers ${nameOf(request)} with more than ${request.maxBytes} bytes. It was cut off; ask for less.`,
    );
  }
  if (!response.complete) throw Object.assign(new Error('the answer was cut off'), { code: 'ECONNRESET' });
  return Buffer.concat(parts);
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

function nameOf({ method, url }: HttpRequest): string {
  return redact(`${method} ${url.split('?')[0] ?? url}`);
}

function cancelled(signal: AbortSignal): LabError {
  return signal.reason instanceof LabError ? signal.reason : new LabError('call.cancelled', 'Cancelled.');
}

function late(request: HttpRequest): LabError {
  return new LabError(
    'server.timeout',
    `The lab server did not answer ${nameOf(request)} within ${request.timeoutMs / 1000} s. Whether it was carried out is not known: read the state.`,
  );
}

/** `details.cause`: the system's code, for a second try. */
function unreachable(request: HttpRequest, thrown: unknown): LabError {
  const error = thrown as Error & { code?: string; errors?: (Error & { code?: string })[] };
  const cause = error.code ?? error.errors?.[0]?.code ?? '';
  return new LabError(
    'server.unreachable',
    `The lab server cannot be reached for ${nameOf(request)} (${redact(cause || error.message)}). What it delivered stays. Check that it runs and the address is right.`,
    { cause },
    { cause: thrown },
  );
}
