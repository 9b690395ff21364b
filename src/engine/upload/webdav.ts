import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { LabError } from '../../core/errors.ts';

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

/** Beside the file until it is whole: nobody takes a half for a whole. */
export const SENDING_SUFFIX = '.sending';

/**
 * The few verbs of WebDAV (RFC 4918) that a file needs: MKCOL, PUT, GET, HEAD, MOVE, DELETE. Anything that understands PUT and GET takes files; without MOVE they are put under their name at once.
 * Errors are LabErrors: upload.failed, `details.isFinal` if trying again cannot help; call.cancelled.
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

  /** Bytes of a file there; undefined if there is none. */
  async sizeOf(name: string, options: WebdavOptions = {}): Promise<number | undefined> {
    const { status, headers } = await this.#send('HEAD', name, {}, options);
    if (status === 404 || status === 410) return undefined;
    if (status >= 400) throw refused(name, status);
    const length = Number(headers['content-length']);
    return Number.isFinite(length) ? length : undefined;
  }

  /** Puts a file there, whole or not at all, in place of one of that name. Gives what was sent: bytes and their SHA-256. */
  async put(path: string, name: string, options: WebdavOptions = {}): Promise<{ bytes: number; sha256: string }> {
    const { size } = await stat(path);
    await this.#makeFolder(options);
    const sent = await this.#putBytes(path, name + SENDING_SUFFIX, size, options);
    const { status } = await this.#send(
      'MOVE',
      name + SENDING_SUFFIX,
      { Destination: this.#urlOf(name).href, Overwrite: 'T' },
      options,
    );
    if (status < 300) return sent;
    if (status !== 405 && status !== 501 && status !== 400) throw refused(name, status);
    await this.#send('DELETE', name + SENDING_SUFFIX, {}, options).catch(() => undefined);
    return await this.#putBytes(path, name, size, options);
  }

  /** Reads a file back; its SHA-256 and how long it is. */
  async digest(name: string, options: WebdavOptions = {}): Promise<{ bytes: number; sha256: string }> {
    const response = await this.#open('GET', name, {}, undefined, options);
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

  async #putBytes(
    path: string,
    name: string,
    size: number,
    options: WebdavOptions,
  ): Promise<{ bytes: number; sha256: string }> {
    const hash = createHash('sha256');
    let bytes = 0;
    const body = createReadStream(path, { highWaterMark: 256 * 1024 });
    body.on('data', (piece) => {
      hash.update(piece);
      bytes += piece.length;
      options.onBytes?.(bytes);
    });
    const response = await this.#open(
      'PUT',
      name,
      { 'Content-Length': String(size), 'Content-Type': 'application/octet-stream' },
      body,
      options,
    );
    response.resume();
    const status = response.statusCode ?? 0;
    if (status >= 300) throw refused(name, status);
    if (bytes !== size) {
      throw new LabError('upload.failed', `${path} changed while it was sent. It is sent again.`, { path });
    }
    return { bytes, sha256: hash.digest('hex') };
  }

  /** 405: it is there. 409: its parent is not, which is the person's business. */
  async #makeFolder(options: WebdavOptions): Promise<void> {
    const { status } = await this.#send('MKCOL', '', {}, options);
    if (status === 401 || status === 403 || status >= 500) throw refused('', status);
  }

  async #send(
    method: string,
    name: string,
    headers: Record<string, string>,
    options: WebdavOptions,
  ): Promise<{ status: number; headers: IncomingMessage['headers'] }> {
    const response = await this.#open(method, name, headers, undefined, options);
    response.resume();
    return { status: response.statusCode ?? 0, headers: response.headers };
  }

  #open(
    method: string,
    name: string,
    headers: Record<string, string>,
    body: NodeJS.ReadableStream | undefined,
    { signal, silenceMs = 30_000 }: WebdavOptions,
  ): Promise<IncomingMessage> {
    const { url, user, password } = this.#target;
    const at = this.#urlOf(name);
    const login =
      user === '' ? {} : { Authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` };
    const open = at.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const asked = open(at, { method, headers: { ...login, ...headers }, signal });
      const fail = (error: unknown): void => reject(unreachable(url, error, signal));
      asked.setTimeout(silenceMs, () => asked.destroy(new Error(`nothing came for ${silenceMs / 1000} s`)));
      asked.on('response', resolve);
      asked.on('error', fail);
      if (!body) {
        asked.end();
        return;
      }
      body.on('error', (error) => asked.destroy(error instanceof Error ? error : undefined));
      body.pipe(asked);
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
