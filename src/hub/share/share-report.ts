import type { ShareConnection, ShareStats } from '../../contract/share-schema.ts';
import type { HubConnection, LostConnection } from '../connection-book.ts';
import type { Hub } from '../hub.ts';

/** Connections told of, at most. */
const MAX_TOLD = 200;

/** Messages a second of each connection, from one look to the next. */
export class ConnectionRates {
  readonly #seen = new Map<string, { sent: number; bytes: number; atMs: number }>();
  readonly #rates = new Map<string, { rateHz: number; bytesPerS: number }>();

  of(id: string): { rateHz: number; bytesPerS: number } {
    return this.#rates.get(id) ?? { rateHz: 0, bytesPerS: 0 };
  }

  look(connections: readonly HubConnection[], nowMs: number): void {
    const open = new Set(connections.map(({ id }) => id));
    for (const id of [...this.#seen.keys()])
      if (!open.has(id)) {
        this.#seen.delete(id);
        this.#rates.delete(id);
      }
    for (const connection of connections) {
      const { sent, bytesSent } = connection.counts();
      const before = this.#seen.get(connection.id);
      this.#seen.set(connection.id, { sent, bytes: bytesSent, atMs: nowMs });
      if (!before || nowMs <= before.atMs) continue;
      const seconds = (nowMs - before.atMs) / 1000;
      this.#rates.set(connection.id, {
        rateHz: Math.max(0, sent - before.sent) / seconds,
        bytesPerS: Math.max(0, bytesSent - before.bytes) / seconds,
      });
    }
  }
}

/** The connections as the screens list them: those that are lost and may come back, then the others, the oldest first. */
export function shareConnections(hub: Hub, rates: ConnectionRates): ShareConnection[] {
  const { lost, all } = hub.parts.connections;
  return [...lost.map(lostRow), ...openRows(all, rates)].slice(-MAX_TOLD);
}

function lostRow({ leftS, ...connection }: LostConnection): ShareConnection {
  const nothing = { rateHz: 0, queue: 0, dropped: 0, bytes: 0 };
  return { ...whoRow(connection), ...nothing, state: 'lost', leftS: Math.max(0, Math.round(leftS)) };
}

function whoRow({
  id,
  principal,
  dialect,
  address,
  openedNs,
}: Pick<HubConnection, 'id' | 'principal' | 'dialect' | 'address' | 'openedNs'>): Pick<
  ShareConnection,
  'id' | 'user' | 'role' | 'dialect' | 'address' | 'sinceNs'
> {
  return {
    id,
    user: principal.name.slice(0, 200),
    role: principal.role,
    dialect,
    // An IPv4 client of a port that speaks IPv6 too.
    address: address.replace(/^::ffff:(?=\d+\.)/i, '').slice(0, 100),
    sinceNs: String(openedNs),
  };
}

function openRows(all: readonly HubConnection[], rates: ConnectionRates): ShareConnection[] {
  return all.map((connection) => {
    const { queued, dropped, bytesSent, state } = connection.counts();
    return {
      ...whoRow(connection),
      rateHz: rates.of(connection.id).rateHz,
      queue: queued,
      dropped,
      bytes: bytesSent,
      state,
    };
  });
}

/** Gauges for charts. Without a hub all is nothing. */
export function shareStats(hub: Hub | undefined, nowNs: bigint, rates?: ConnectionRates): ShareStats {
  const connections = (hub?.parts.connections.all ?? []).slice(-MAX_TOLD).map((connection) => {
    const counts = connection.counts();
    return {
      id: connection.id,
      queueUse: counts.utilization,
      delivered: counts.sent,
      conflated: counts.conflated ?? 0,
      decimated: counts.decimated ?? 0,
      dropped: counts.dropped,
      bytesPerS: rates?.of(connection.id).bytesPerS ?? 0,
      compressionRatio: counts.wireBytes > 0 ? counts.rawBytes / counts.wireBytes : 1,
      compressionLevel: counts.level ?? 0,
      roundTripMs: counts.roundTripMs ?? null,
    };
  });
  const sum = (pick: (one: (typeof connections)[number]) => number): number =>
    connections.reduce((total, one) => total + pick(one), 0);
  const ratio = connections.filter(({ compressionRatio }) => compressionRatio !== 1);
  return {
    t: String(nowNs),
    queueUse: Math.max(0, ...connections.map(({ queueUse }) => queueUse)),
    delivered: sum(({ delivered }) => delivered),
    conflated: sum(({ conflated }) => conflated),
    decimated: sum(({ decimated }) => decimated),
    dropped: sum(({ dropped }) => dropped),
    bytesPerS: sum(({ bytesPerS }) => bytesPerS),
    compressionRatio:
      ratio.length > 0 ? ratio.reduce((total, one) => total + one.compressionRatio, 0) / ratio.length : 1,
    ...(hub?.parts.metrics.pressures ?? { backpressure: 0, emergency: 0 }),
    lagMs: hub?.parts.metrics.lagMs ?? 0,
    connections,
  };
}
