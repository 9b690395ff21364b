import { parsePowerMeterMessage } from '../../protocol/lab/power-meter-message.ts';
import { parseTolerantJson } from '../../protocol/lab/tolerant-json.ts';
import type { AfterEnd, LinkProtocol, LinkSignal } from '../link-protocol.ts';
import type { Refusal, SocketData } from '../ports.ts';
import type { SocketPath } from './socket-path.ts';
import { judgeEnd } from './socket-path.ts';

/** The health socket: a heartbeat at once and every 10 s, `pong` to the bare text `ping`. It shows that the server is there while nothing is streamed. */
export class HealthProtocol implements LinkProtocol {
  readonly name = 'power-meter /health';
  readonly subprotocols: readonly string[] = [];
  readonly deflate = true;
  readonly maxMessageBytes = 65_536;
  readonly handshakeMs = 10_000;
  readonly heartbeat = { probeMs: 15_000, deadMs: 30_000, probe: () => 'ping' };
  malformed = 0;
  /** Streams of all clients, as last told. */
  activeStreams: number | undefined;
  readonly #path: SocketPath;
  readonly #onHeartbeat: () => void;

  constructor(path: SocketPath, onHeartbeat: () => void) {
    this.#path = path;
    this.#onHeartbeat = onHeartbeat;
  }

  url(): string {
    return this.#path.url('health');
  }

  opened(): LinkSignal | undefined {
    this.#path.found();
    return undefined;
  }

  receive(data: SocketData): LinkSignal | undefined {
    const message = typeof data === 'string' ? read(data) : undefined;
    if (message?.type === 'heartbeat') {
      this.activeStreams = message.active_streams;
      this.#onHeartbeat();
      return { isReady: true };
    }
    if (message?.type === 'reconnect') return { retryAfterS: message.retry_after, reason: message.reason };
    if (message?.type !== 'pong') this.malformed++;
    return undefined;
  }

  ended(): void {
    this.activeStreams = undefined;
  }

  judge(end: { code: number; reason: string; refusal: Refusal | undefined }): AfterEnd {
    return judgeEnd(end);
  }

  nextPath(): boolean {
    return this.#path.next();
  }
}

function read(text: string): ReturnType<typeof parsePowerMeterMessage> {
  try {
    return parsePowerMeterMessage(parseTolerantJson(text));
  } catch {
    return undefined;
  }
}
