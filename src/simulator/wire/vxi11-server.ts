import { Scope } from '../../core/scope.ts';
import { IP_PROTOCOL } from '../../protocol/portmapper.ts';
import {
  ABORT_PROCEDURES,
  CORE_PROCEDURES,
  VXI11_ABORT,
  VXI11_CORE,
  VXI11_ERROR,
  VXI11_FALLBACK_RECV_BYTES,
} from '../../protocol/vxi11.ts';
import type { MessageDevice } from './message-device.ts';
import { openPortmapper } from './portmapper-server.ts';
import { RpcProgram } from './rpc-program.ts';
import { openRpcServer, type RpcConnection } from './rpc-server.ts';
import { Vxi11InterruptChannel } from './vxi11-interrupt.ts';
import { Vxi11ServerLink } from './vxi11-link.ts';
import { Vxi11Lock } from './vxi11-lock.ts';

/** What instruments do differently; may be changed at any time. */
export interface Vxi11Knobs {
  /** Said to new links; longer writes are refused. 0: said as some scopes do, and 4096 meant. */
  maxRecvSize: number;
  /** Replies come in record fragments of so many bytes; undefined: one each. */
  fragmentBytes: number | undefined;
  /** device_abort answers and does nothing (E5810A). */
  isAbortStub: boolean;
  /** Links at once; one more is error 9. */
  maxLinks: number;
}

export interface Vxi11ServerOptions {
  /** By name: inst0; behind a gateway gpib0,5. Names are compared without case. */
  devices: Readonly<Record<string, MessageDevice>>;
  /** IPv4 address; default 127.0.0.1. */
  host?: string | undefined;
  /** Of the core channel; default any free one. */
  corePort?: number | undefined;
  /** Absent: 111, and where that cannot be bound any free one. null: no portmapper. */
  portmapperPort?: number | null | undefined;
  knobs?: Partial<Vxi11Knobs> | undefined;
}

export interface Vxi11Server extends AsyncDisposable {
  readonly host: string;
  readonly corePort: number;
  readonly abortPort: number;
  /** undefined: there is none. */
  readonly portmapperPort: number | undefined;
  readonly knobs: Vxi11Knobs;
  /** Open now. */
  readonly counts: { readonly links: number; readonly connections: number };
  /** The resource string of a device, with the core port: it needs no portmapper. */
  resource(device: string): string;
  /** Cuts every connection, as a power cut does. */
  cutAll(): void;
}

/** A simulated instrument or gateway with VXI-11: core, abort and interrupt channels, and the portmapper of its host. Throws `simulator.failed`. */
export async function openVxi11Server(options: Vxi11ServerOptions): Promise<Vxi11Server> {
  const { host = '127.0.0.1', corePort = 0, portmapperPort } = options;
  const scope = new Scope('simulated VXI-11');
  try {
    const instrument = new Vxi11Instrument(options);
    const { knobs } = instrument;
    const fragmentBytes = (): number | undefined => knobs.fragmentBytes;
    const abort = scope.use(
      await openRpcServer({ host, port: 0, fragmentBytes, accept: () => instrument.acceptAbort() }),
    );
    instrument.abortPort = abort.port;
    const core = scope.use(
      await openRpcServer({ host, port: corePort, fragmentBytes, accept: (cut) => instrument.acceptCore(cut) }),
    );
    const mappings = [{ ...VXI11_CORE, protocol: IP_PROTOCOL.tcp, port: core.port }];
    const portmapper =
      portmapperPort === null ? undefined : scope.use(await openPortmapper({ host, port: portmapperPort, mappings }));
    return {
      host,
      corePort: core.port,
      abortPort: abort.port,
      portmapperPort: portmapper?.port,
      knobs,
      get counts() {
        return { links: instrument.links.size, connections: core.connections + abort.connections };
      },
      resource: (device) => `TCPIP0::${host},${core.port}::${device}::INSTR`,
      cutAll() {
        core.cutAll();
        abort.cutAll();
      },
      [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
    };
  } catch (error) {
    await scope[Symbol.asyncDispose]();
    throw error;
  }
}

/** What the connections of one host share: devices, their locks, links. */
class Vxi11Instrument {
  readonly links = new Map<number, Vxi11ServerLink>();
  readonly knobs: Vxi11Knobs;
  abortPort = 0;
  readonly #devices = new Map<string, { device: MessageDevice; lock: Vxi11Lock }>();
  /** The first link is 0: clients must not take it for none. */
  #nextLid = 0;

  constructor({ devices, knobs }: Vxi11ServerOptions) {
    this.knobs = { maxRecvSize: 1024 * 1024, fragmentBytes: undefined, isAbortStub: false, maxLinks: 32, ...knobs };
    for (const [name, device] of Object.entries(devices))
      this.#devices.set(name.toLowerCase(), { device, lock: new Vxi11Lock() });
  }

  acceptAbort(): RpcConnection {
    const service = new RpcProgram(VXI11_ABORT).on(ABORT_PROCEDURES.abort, ({ lid }) => {
      const link = this.links.get(lid);
      if (!this.knobs.isAbortStub) link?.abort();
      return { error: link ? 0 : VXI11_ERROR.badLink };
    });
    return { service, closed: () => {} };
  }

  /** Links and locks belong to the connection they were made on, and end with it (VXI-11 B.6 device_lock). */
  acceptCore(cut: () => void): RpcConnection {
    const own = new Set<Vxi11ServerLink>();
    const interrupts = new Vxi11InterruptChannel();
    const procedures = CORE_PROCEDURES;
    const service = new RpcProgram(VXI11_CORE);
    const failed = (error: number) => ({ error });
    const close = (link: Vxi11ServerLink): void => {
      own.delete(link);
      this.links.delete(link.lid);
      link.close();
    };
    /** Runs with the link of that number, or gives error 4. */
    const on = <R>(
      lid: number,
      act: (link: Vxi11ServerLink) => R | Promise<R>,
      refused: (error: number) => R,
    ): R | Promise<R> => {
      const link = this.links.get(lid);
      return link ? act(link) : refused(VXI11_ERROR.badLink);
    };
    service.on(procedures.createLink, async ({ device: name, lockDevice, lockTimeout }) => {
      const refused = (error: number) => ({ error, lid: 0, abortPort: 0, maxRecvSize: 0 });
      const found = this.#devices.get(name.toLowerCase());
      if (!found) return refused(VXI11_ERROR.notAccessible);
      if (this.links.size >= this.knobs.maxLinks) return refused(VXI11_ERROR.outOfResources);
      const link = new Vxi11ServerLink(this.#takeLid(), found.device.connect(cut), found.lock);
      own.add(link);
      this.links.set(link.lid, link);
      const error = lockDevice ? await link.takeLock({ flags: 1, lockTimeout }) : 0;
      if (error !== 0) {
        close(link);
        return refused(error);
      }
      link.connection.onServiceRequest(() => {
        if (link.srqHandle) interrupts.request(link.srqHandle);
      });
      return { error: 0, lid: link.lid, abortPort: this.abortPort, maxRecvSize: this.knobs.maxRecvSize };
    });
    service.on(procedures.write, (args) => {
      const limit = this.knobs.maxRecvSize || VXI11_FALLBACK_RECV_BYTES;
      return on(
        args.lid,
        (link) => link.write(args, limit),
        (error) => ({ error, size: 0 }),
      );
    });
    service.on(procedures.read, (args) =>
      on(
        args.lid,
        (link) => link.read(args),
        (error) => ({ error, reason: 0, data: new Uint8Array(0) }),
      ),
    );
    service.on(procedures.readStatusByte, (args) => {
      const refused = (error: number) => ({ error, statusByte: 0 });
      const poll = (link: Vxi11ServerLink) => () => ({ error: 0, statusByte: link.connection.serialPoll() });
      return on(args.lid, (link) => link.run(args, poll(link), refused), refused);
    });
    const simple = {
      trigger: (link: Vxi11ServerLink) => link.connection.trigger(),
      clear: (link: Vxi11ServerLink) => link.clear(),
      remote: (link: Vxi11ServerLink) => link.connection.remoteLocal('lockout'),
      local: (link: Vxi11ServerLink) => link.connection.remoteLocal('local'),
    };
    for (const [name, act] of Object.entries(simple)) {
      service.on(procedures[name as keyof typeof simple], (args) => {
        const run = (link: Vxi11ServerLink) => () => {
          act(link);
          return { error: 0 };
        };
        return on(args.lid, (link) => link.run(args, run(link), failed), failed);
      });
    }
    service.on(procedures.lock, (args) => on(args.lid, (link) => link.takeLock(args).then(failed), failed));
    service.on(procedures.unlock, ({ lid }) =>
      on(lid, (link) => failed(link.lock.release(link) ? 0 : VXI11_ERROR.noLock), failed),
    );
    service.on(procedures.enableSrq, ({ lid, enable, handle }) =>
      on(
        lid,
        (link) => {
          link.srqHandle = enable ? handle.slice() : undefined;
          return failed(0);
        },
        failed,
      ),
    );
    service.on(procedures.command, () => ({ error: VXI11_ERROR.notSupported, data: new Uint8Array(0) }));
    service.on(procedures.destroyLink, ({ lid }) =>
      on(
        lid,
        (link) => {
          close(link);
          return failed(0);
        },
        failed,
      ),
    );
    service.on(procedures.createInterruptChannel, async (args) => failed(await interrupts.open(args)));
    service.on(procedures.destroyInterruptChannel, () => failed(interrupts.close()));
    return {
      service,
      closed() {
        for (const link of [...own]) close(link);
        interrupts.close();
      },
    };
  }

  #takeLid(): number {
    while (this.links.has(this.#nextLid)) this.#nextLid = (this.#nextLid + 1) & 0x7fff_ffff;
    const lid = this.#nextLid;
    this.#nextLid = (lid + 1) & 0x7fff_ffff;
    return lid;
  }
}
