import type { LabError } from '../../../core/errors.ts';
import type { RpcProcedure } from '../../../protocol/onc-rpc.ts';
import { CORE_PROCEDURES } from '../../../protocol/vxi11.ts';
import type { AbortChannel } from './abort-channel.ts';
import type { RpcCallOptions, RpcClient } from './rpc-client.ts';
import { vxi11Error } from './vxi11-error.ts';

export interface LinkTimes {
  /** How long the instrument may take for a call, ms; for reads of a slice of the waiting. Never 0 on the wire. */
  ioTimeoutMs: number;
  readSliceMs: number;
  /** What the reply may take beyond the timeouts of the call, ms. */
  marginMs: number;
}

/** An open link: its number, its two channels, and calls on it. */
export class Link {
  readonly lid: number;
  readonly core: RpcClient;
  readonly resource: string;
  readonly times: LinkTimes;
  readonly #abort: AbortChannel;
  #aborting: Promise<void> | undefined;

  constructor(lid: number, core: RpcClient, abort: AbortChannel, resource: string, times: LinkTimes) {
    this.lid = lid;
    this.core = core;
    this.resource = resource;
    this.times = times;
    this.#abort = abort;
  }

  /** A call on the core channel. `deviceMs`: what the instrument may take by its own timeouts. */
  call<A, R>(
    procedure: RpcProcedure<A, R>,
    args: A,
    options: { deviceMs?: number } & Omit<RpcCallOptions, 'timeoutMs'> = {},
  ): Promise<R> {
    const { deviceMs = this.times.ioTimeoutMs, ...rest } = options;
    return this.core.call(procedure, args, { timeoutMs: deviceMs + this.times.marginMs, ...rest });
  }

  /** One of the calls that take a link and timeouts, and give an error code only. Throws it. */
  async ask(
    procedure: (typeof CORE_PROCEDURES)['trigger' | 'clear' | 'remote' | 'local'],
    doing: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const { error } = await this.call(procedure, this.genericArgs(), { signal });
    this.check(error, doing);
  }

  genericArgs(): { lid: number; flags: number; lockTimeout: number; ioTimeout: number } {
    const { ioTimeoutMs } = this.times;
    return { lid: this.lid, flags: 0, lockTimeout: ioTimeoutMs, ioTimeout: ioTimeoutMs };
  }

  /** Throws the error code of a reply; one that says the link is gone ends the connection. */
  check(error: number, doing: string): void {
    if (error === 0) return;
    const failure = vxi11Error(error, this.resource, `${doing} (${this.resource})`);
    if (failure.code === 'transport.closed') void this.core[Symbol.asyncDispose](failure);
    throw failure;
  }

  /**
   * Ends the call under way if it is one of these: it comes back with error 23, or by its own timeout. Resolves when the instrument has answered; no
   * other call is sent before, or the abort could hit it.
   */
  interrupt(...names: (keyof typeof CORE_PROCEDURES)[]): Promise<void> {
    if (this.#aborting) return this.#aborting;
    if (!names.some((name) => CORE_PROCEDURES[name].number === this.core.activeProcedure)) return Promise.resolve();
    const aborting = this.#abort.abort(this.lid).finally(() => {
      this.#aborting = undefined;
    });
    this.#aborting = aborting;
    this.core.hold(aborting);
    return aborting;
  }

  /** Gives the link back (gateways leak links that are not), within a second, and closes both channels. */
  async close(reason: LabError): Promise<void> {
    if (!this.core.ended) {
      void this.interrupt('read', 'write', 'lock', 'clear');
      const { destroyLink } = CORE_PROCEDURES;
      await this.core
        .call(destroyLink, { lid: this.lid }, { timeoutMs: 1000, signal: AbortSignal.timeout(1000) })
        .catch(() => {});
    }
    await this.core[Symbol.asyncDispose](reason);
    await this.#abort[Symbol.asyncDispose]();
  }
}
