import http from 'node:http';
import { LabError } from '../../core/errors.ts';
import { timeLimit } from '../time-limit.ts';
import { type LxiIdentification, parseLxiIdentification } from './lxi-xml.ts';

export interface FetchLxiOptions {
  /** Default 80. */
  port?: number | undefined;
  /** Whole time; default 1000. */
  timeoutMs?: number | undefined;
  /** Most bytes of the document; default 256 KiB. */
  maxBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * GET http://host/lxi/identification: who an LXI device is, without a word to the instrument in it. Undefined where there is no such page.
 * One redirect on the same host is followed; TLS is not spoken. Throws `transport.refused`, `transport.unreachable` or `transport.timeout` when nothing answers HTTP.
 */
export async function fetchLxiIdentification(
  host: string,
  options: FetchLxiOptions = {},
): Promise<LxiIdentification | undefined> {
  const { port = 80, timeoutMs = 1000 } = options;
  using limit = timeLimit(timeoutMs, options.signal);
  const { signal } = limit;
  const name = host.replace(/^\[(.*)\]$/, '$1');
  let path = '/lxi/identification';
  for (let hop = 0; hop < 2; hop++) {
    const page = await get({ host: name, port, path }, options.maxBytes ?? 256 * 1024, signal);
    if (page.status === 200) return parseLxiIdentification(page.text);
    const next = redirect(page.location, name, port);
    if (next === undefined) return undefined;
    path = next;
  }
  return undefined;
}

interface Page {
  status: number;
  location: string | undefined;
  text: string;
}

function get(at: { host: string; port: number; path: string }, maxBytes: number, signal: AbortSignal): Promise<Page> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const code = (error as NodeJS.ErrnoException).code ?? error.name;
      const ours = /REFUSED/.test(code)
        ? 'transport.refused'
        : signal.aborted
          ? 'transport.timeout'
          : 'transport.unreachable';
      reject(
        new LabError(ours, `http://${at.host}:${at.port}${at.path} gives nothing (${code}).`, {}, { cause: error }),
      );
    };
    const request = http.get(
      { ...at, signal, agent: false, headers: { accept: 'application/xml, text/xml', connection: 'close' } },
      (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > maxBytes) response.destroy(new Error('the document is too long'));
          else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            location: response.headers.location,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    request.on('error', fail);
  });
}

/** The path of a redirect that stays on this host and port. */
function redirect(location: string | undefined, host: string, port: number): string | undefined {
  if (location === undefined) return undefined;
  try {
    const base = `http://${host.includes(':') ? `[${host}]` : host}:${port}/`;
    const url = new URL(location, base);
    return url.host === new URL(base).host && url.protocol === 'http:' ? url.pathname + url.search : undefined;
  } catch {
    return undefined;
  }
}
