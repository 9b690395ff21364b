import { LabError } from '../core/errors.ts';
import type { ProbeAnswer, ProbeGreeting, ServerProbe } from './dialect.ts';
import type { LabPorts } from './ports.ts';

export interface ProbeLimits {
  timeoutMs: number;
  maxBytes: number;
  /** Longest wait for the first words of a socket, after it is open. */
  greetingMs: number;
}

const LIMITS: ProbeLimits = { timeoutMs: 4000, maxBytes: 4 * 1024 * 1024, greetingMs: 1200 };

/** A probe of one server. `base`: `http://host:8000`, without a path. */
export function createServerProbe(
  ports: LabPorts,
  base: string,
  token: string | undefined,
  signal: AbortSignal,
  limits: ProbeLimits = LIMITS,
): ServerProbe {
  const answers = new Map<string, Promise<ProbeAnswer>>();
  const greetings = new Map<string, Promise<ProbeGreeting>>();
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    get(path) {
      const known = answers.get(path);
      if (known) return known;
      const asked = get(path);
      answers.set(path, asked);
      return asked;
    },
    greet(path, protocols) {
      const key = `${path} ${protocols.join(' ')}`;
      const known = greetings.get(key);
      if (known) return known;
      const asked = greet(ports, { base, path, protocols, token, signal, limits });
      greetings.set(key, asked);
      return asked;
    },
  };

  async function get(path: string): Promise<ProbeAnswer> {
    const { timeoutMs, maxBytes } = limits;
    const answer = await ports.http({ method: 'GET', url: base + path, headers, timeoutMs, maxBytes }, signal);
    return { status: answer.status, headers: answer.headers, json: parseJson(answer.body) };
  }
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

interface Greeted {
  base: string;
  path: string;
  protocols: readonly string[];
  token: string | undefined;
  signal: AbortSignal;
  limits: ProbeLimits;
}

function greet(ports: LabPorts, { base, path, protocols, token, signal, limits }: Greeted): Promise<ProbeGreeting> {
  const bearer = token === undefined ? '' : `${path.includes('?') ? '&' : '?'}token=${encodeURIComponent(token)}`;
  const url = base.replace(/^http/, 'ws') + path + bearer;
  return new Promise((resolve, reject) => {
    let protocol = '';
    let wait = ports.clock.after(limits.timeoutMs, () => finish({ protocol, text: undefined, refusal: undefined }));
    const finish = (greeting: ProbeGreeting): void => {
      end();
      resolve(greeting);
    };
    const onAbort = (): void => {
      end();
      reject(LabError.from(signal.reason));
    };
    const end = (): void => {
      wait[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
      socket.cut();
    };
    const socket = ports.openSocket(
      { url, protocols, deflate: true, maxMessageBytes: limits.maxBytes },
      {
        onOpen(open) {
          protocol = open.protocol;
          wait[Symbol.dispose]();
          // Who has agreed on one of our protocols will speak; who has not may never.
          const patienceMs = protocol === '' ? limits.greetingMs : limits.timeoutMs;
          wait = ports.clock.after(patienceMs, () => finish({ protocol, text: undefined, refusal: undefined }));
        },
        onMessage: (data) => finish({ protocol, text: typeof data === 'string' ? data : '', refusal: undefined }),
        onEnd({ refusal }) {
          wait[Symbol.dispose]();
          signal.removeEventListener('abort', onAbort);
          resolve({ protocol, text: undefined, refusal: refusal?.status });
        },
      },
    );
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
