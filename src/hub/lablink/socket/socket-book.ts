import type { Broadcast, SocketClient } from './socket-client.ts';

/** Sums over all sockets since the hub began, with the names of LabLink's `get_stats`. */
export interface GlobalStats {
  total_connections: number;
  total_messages_sent: number;
  total_messages_received: number;
  total_bytes_sent: number;
  total_bytes_received: number;
  compression_ratio_sum: number;
  compression_count: number;
  active_connections: number;
  active_recordings: number;
  /** Raw over compressed; 0 while nothing was compressed. */
  average_compression_ratio: number;
}

/** The sockets of this dialect. */
export class SocketBook {
  readonly #open = new Map<string, SocketClient>();
  readonly #recordings: () => number;
  #opened = 0;
  #sent = 0;
  #received = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #ratioSum = 0;
  #compressed = 0;

  constructor(recordings: () => number) {
    this.#recordings = recordings;
  }

  get all(): readonly SocketClient[] {
    return [...this.#open.values()];
  }

  find(id: string): SocketClient | undefined {
    return this.#open.get(id);
  }

  add(connection: SocketClient): void {
    this.#opened++;
    this.#open.set(connection.id, connection);
  }

  remove(connection: SocketClient): void {
    this.#open.delete(connection.id);
  }

  sent(bytes: number): void {
    this.#sent++;
    this.#bytesSent += bytes;
  }

  received(bytes: number): void {
    this.#received++;
    this.#bytesReceived += bytes;
  }

  compressed(rawBytes: number, wireBytes: number): void {
    this.#compressed++;
    this.#ratioSum += rawBytes / wireBytes;
  }

  broadcast(broadcast: Broadcast): void {
    for (const connection of this.#open.values()) connection.broadcast(broadcast);
  }

  get stats(): GlobalStats {
    return {
      total_connections: this.#opened,
      total_messages_sent: this.#sent,
      total_messages_received: this.#received,
      total_bytes_sent: this.#bytesSent,
      total_bytes_received: this.#bytesReceived,
      compression_ratio_sum: this.#ratioSum,
      compression_count: this.#compressed,
      active_connections: this.#open.size,
      active_recordings: this.#recordings(),
      average_compression_ratio: this.#compressed === 0 ? 0 : this.#ratioSum / this.#compressed,
    };
  }
}
