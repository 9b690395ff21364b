import { randomBytes } from 'node:crypto';
import { Scope } from '../../../core/scope.ts';
import {
  CORE_PROCEDURES,
  type CreateLinkResult,
  VXI11_CORE,
  VXI11_FALLBACK_RECV_BYTES,
} from '../../../protocol/vxi11.ts';
import type { Transport } from '../transport.ts';
import { AbortChannel } from './abort-channel.ts';
import { findPort } from './find-port.ts';
import { Link } from './link.ts';
import { openRpcClient, type RpcClient } from './rpc-client.ts';
import { vxi11Error } from './vxi11-error.ts';
import { Vxi11Transport } from './vxi11-transport.ts';

export interface Vxi11Options {
  /** Longest wait for a connection; default 5000. */
  connectTimeoutMs?: number | undefined;
  /** Port the portmapper is asked at; default 111. */
  portmapperPort?: number | undefined;
  /** How long the device may take for one call (a write, a clear, a status byte); default 5000. */
  ioTimeoutMs?: number | undefined;
  /** A read waits in calls of so long; other calls wait for the end of one. Default 1000. */
  readSliceMs?: number | undefined;
  /** What a reply may take beyond the timeouts of its call, before the connection is given up; default 5000 (E5810A: some 170, when it is well). */
  marginMs?: number | undefined;
  keepAliveMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Most bytes in one write, whatever the instrument says it takes: each has its timeout. */
const MAX_WRITE_BYTES = 1024 * 1024;

/**
 * Opens a link to a device of a VXI-11 instrument or gateway. Throws `transport.refused` (no VXI-11 there), `transport.not-found` (no such host or
 * device), `transport.busy` (no link left, locked), `transport.unreachable`, and the cancellation of the signal; nothing stays open then. A gateway may
 * open links to addresses where nothing is (E5810A): the first question shows it.
 */
export async function openVxi11(
  target: { host: string; device: string; corePort?: number | undefined; resource: string },
  options: Vxi11Options = {},
): Promise<Transport> {
  const { host, device, resource } = target;
  const { portmapperPort, connectTimeoutMs, keepAliveMs, signal } = options;
  const port = target.corePort ?? (await findPort({ host, resource, ...VXI11_CORE }, { portmapperPort, signal }));
  const core = await openRpcClient({ host, port, resource, ...VXI11_CORE }, { connectTimeoutMs, keepAliveMs, signal });
  const times = {
    ioTimeoutMs: atLeastOne(options.ioTimeoutMs ?? 5000),
    readSliceMs: atLeastOne(options.readSliceMs ?? 1000),
    marginMs: options.marginMs ?? 5000,
  };
  try {
    const created = await createLink(core, device, resource, times.ioTimeoutMs + times.marginMs, signal);
    const abort = new AbortChannel({ host: core.remoteAddress ?? host, port: created.abortPort, resource });
    const link = new Link(created.lid, core, abort, resource, times);
    const maxRecvSize = created.maxRecvSize === 0 ? VXI11_FALLBACK_RECV_BYTES : created.maxRecvSize;
    return new Vxi11Transport(link, Math.min(maxRecvSize, MAX_WRITE_BYTES), new Scope(`vxi11 ${resource}`));
  } catch (error) {
    // The link that may have been made meanwhile ends with its connection.
    await core[Symbol.asyncDispose]();
    throw error;
  }
}

async function createLink(
  core: RpcClient,
  device: string,
  resource: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<CreateLinkResult> {
  const clientId = randomBytes(4).readUInt32BE() & 0x7fff_ffff;
  const args = { clientId, lockDevice: false, lockTimeout: 1, device };
  const created = await core.call(CORE_PROCEDURES.createLink, args, { timeoutMs, signal });
  if (created.error !== 0) throw vxi11Error(created.error, resource, `Opening ${resource}`);
  return created;
}

/** 0 means "do not wait" to some instruments, "for ever" to others. */
function atLeastOne(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}
