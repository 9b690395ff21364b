import { createHash } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { LabError } from '../../core/errors.ts';
import { type FileSum, sizeOfLocal, unreadable } from './local-file.ts';

export interface WebdavTarget {
  /** The folder recordings go to; `http:` or `https:`. */
  url: string;
  user: string;
  password: string | undefined;
}

export interface WebdavOptions {
  signal?: AbortSignal | undefined;
  /** Bytes sent or read so far. */
  onBytes?: ((bytes: number) => void) | undefined;
  /** Nothing came or went for so long; ms. Default 30,000. */
  silenceMs?: number | undefined;
}

/**
 * The few verbs of WebDAV (RFC 4918) that a file needs: MKCOL, PUT, GET, HEAD, MOVE, DELETE.
 * Errors are LabErrors: upload.failed, `details.isFinal` if trying again cannot help, `details.status` 0: it cannot be reached; call.cancelled.
 */
export class Webdav {
  readonly #target: WebdavTarget;

  constructor(target: WebdavTarget) {
    this.#target = target;
  }

  /** Whether the server answers and lets us in. Throws upload.failed; `details.status` 401 or 403: it does not. */
  async probe(options: WebdavOptions = {}): Promise<void> {
    const { status } = await this.#send('OPTIONS', '', {}, options);
    if (status === 401 || status === 403) throw refused('', status);
    if (status >= 500) throw refused('', status);
  }

  /** The file of that name there, and its bytes where the server says so; undefined if there is none. */
  async find(name: string, options: WebdavOptions = {}): Promise<{ bytes: number | undefined } | undefined> {
    let { status, headers } = await this.#send('HEAD', name, {}, options);
    if (status === 405 || status === 501) {
      const { response, asked } = await this.#open('GET', name, {}, undefined, options);
      asked.destroy();
      status = response.statusCode ?? 0;
      headers = response.headers;
    }
    if (status === 404 || status === 410) return undefined;
    if (status >= 400) throw refused(name, status);
    const length = headers['content-length'];
    return { bytes: length === undefined ? undefined : Number(length) };
  }

  /** 405: it is there. 409: its parent is not, which is the person's business. */
  async makeFolder(options: WebdavOptions = {}): Promise<void> {
    const { status } = await this.#send('MKCOL', '', {}, options);
    if (status === 401 || status === 403 || status >= 500) throw refused('', status);
  }

  /**
   * Sends a file; what was sent, bytes and their SHA-256. `over` false: `If-None-Match: *`, and undefined if there is one of that name (RFC 9110, 13.1.2).
   * A file here that cannot be read is final: the server has nothing to do with it.
   */
  async put(path: string, name: string, over: boolean, options: WebdavOptions = {}): Promise<FileSum | undefined> {
    const size = await sizeOfLocal(path);
    const hash = createHash('sha256');
    let bytes = 0;
    const body = createReadStream(path, { highWaterMark: 256 * 1024, ...(size > 0 ? { end: size - 1 } : {}) });
    body.on('data', (piece) => {
      hash.update(piece);
      bytes += piece.length;
      options.onBytes?.(bytes);
    });
    const headers = {
      'Content-Length': String(size),
      'Content-Type': 'application/octet-stream',
      ...(over ? {} : { 'If-None-Match': '*' }),
    };
    try {
      const { response, asked } = await this.#open('PUT', name, headers, { stream: body, path, size }, options);
      const status = response.statusCode ?? 0;
      if (bytes === size) response.resume();
      // It has answered before it had all: what is left is not sent for nothing.
      else asked.destroy();
      if (status === 412 && !over) return undefined;
      if (status >= 300) throw refused(name, status);
      if (bytes !== size) throw changed(path);
      return { bytes, sha256: hash.digest('hex') };
    } finally {
      body.destroy();
    }
  }

  /** Gives a file there its name. `taken`: one has it and `over` is false; `unknown`: the server knows no MOVE. */
  async move(
    from: string,
    to: string,
    over: boolean,
    options: WebdavOptions = {},
  ): Promise<'moved' | 'taken' | 'unknown'> {
    const headers = { Destination: this.#urlOf(to).href, Overwrite: over ? 'T' : 'F' };
    const { status } = await this.#send('MOVE', from, headers, options);
    if (status < 300) return 'moved';
    if (status === 412 && !over) return 'taken';
    if (status === 405 || status === 501 || status === 400) return 'unknown';
    throw refused(to, status);
  }

  /** Never rejects: what stays there does no harm. */
  async remove(name: string, options: WebdavOptions = {}): Promise<void> {
    await this.#send('DELETE', name, {}, options).catch(() => undefined);
  }

  /** Reads a file back; its SHA-256 and how long it is. */
  async digest(name: string, options: WebdavOptions = {}): Promise<FileSum> {
    const { response } = await this.#open('GET', name, {}, undefined, options);
    if ((response.statusCode ?? 500) >= 300) {
      response.resume();
      throw refused(name, response.statusCode ?? 0);
    }
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const piece of response) {
        hash.update(piece as Buffer);
        bytes += (piece as Buffer).byteLength;
        options.onBytes?.(bytes);
      }
    } catch (error) {
      throw unreachable(this.#target.url, error, options.signal);
    }
    return { bytes, sha256: hash.digest('hex') };
  }

  async #send(
    method: string,
    name: string,
    headers: Record<string, string>,
    options: WebdavOptions,
  ): Promise<{ status: number; headers: IncomingMessage['headers'] }> {
    const { response } = await this.#open(method, name, headers, undefined, options);
    response.resume();
    return { status: response.statusCode ?? 0, headers: response.headers };
  }

  /** Resolves with the head of the answer. Rejected, nothing of the request is left. */
  #open(
    method: string,
    name: string,
    headers: Record<string, string>,
    body: { stream: ReadStream; path: string; size: number } | undefined,
    { signal, silenceMs = 30_000 }: WebdavOptions,
  ): Promise<{ response: IncomingMessage; asked: ClientRequest }> {
    const { url, user, password } = this.#target;
    const at = this.#urlOf(name);
    const login =
      user === '' ? {} : { Authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` };
    const open = at.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const asked = open(at, { method, headers: { ...login, ...headers }, signal });
      const end = (error: LabError): void => {
        reject(error);
        asked.destroy();
      };
      asked.setTimeout(silenceMs, () => asked.destroy(new Error(`nothing came for ${silenceMs / 1000} s`)));
      asked.on('response', (response) => resolve({ response, asked }));
      asked.on('error', (error) => end(unreachable(url, error, signal)));
      if (!body) {
        asked.end();
        return;
      }
      const { stream, path, size } = body;
      stream.on('error', (error) => end(unreadable(path, error)));
      // Shorter than it was: the server would wait for the rest.
      stream.on('end', () => stream.bytesRead < size && end(changed(path)));
      stream.pipe(asked);
    });
  }

  #urlOf(name: string): URL {
    const base = new URL(this.#target.url);
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    return name === '' ? base : new URL(encodeURIComponent(name), base);
  }
}

function refused(name: string, status: number): LabError {
  const what = name === '' ? 'The server' : `The server, asked for ${name},`;
  const why: Record<number, string> = {
    401: 'wants another user or password',
    403: 'does not permit it',
    404: 'has no such folder',
    409: 'has no such folder',
    413: 'takes no file that large',
    423: 'has it locked',
    507: 'has no space left',
  };
  const isFinal = status === 403 || status === 404 || status === 409 || status === 413;
  return new LabError(
    'upload.failed',
    `${what} ${why[status] ?? `answered ${status}`}. The recording is here, whole${isFinal ? '; see to the server, then try again' : ' and is sent again later'}.`,
    { status, isFinal },
  );
}

function unreachable(url: string, error: unknown, signal: AbortSignal | undefined): LabError {
  if (signal?.aborted) return new LabError('call.cancelled', 'The upload was cancelled.');
  if (error instanceof LabError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new LabError(
    'upload.failed',
    `The server at ${new URL(url).host} cannot be reached (${why}). The recording is here, whole, and is sent when it can be.`,
    { status: 0, isFinal: false },
    { cause: error },
  );
}

function changed(path: string): LabError {
  return new LabError('upload.failed', `${path} changed while it was sent. It is sent again.`, {
    path,
    isFinal: false,
  });
}
