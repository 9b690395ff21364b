import { LabError } from '../../../core/errors.ts';
import { ABORT_PROCEDURES, VXI11_ABORT } from '../../../protocol/vxi11.ts';
import { openRpcClient, type RpcClient } from './rpc-client.ts';

/** An instrument that does not answer an abort is not waited for: the call it should end has a timeout of its own. */
const ABORT_MS = 1000;

/** The second connection of a link: ends the call that is under way on the core channel. Opened when first used. */
export class AbortChannel implements AsyncDisposable {
  readonly #target: { host: string; port: number; resource: string };
  #client: Promise<RpcClient> | undefined;
  /** There is none: it was not tried again. */
  #isMissing: boolean;
  #isDisposed = false;

  /** `port`: as create_link gave it; 0: the instrument has none. */
  constructor(target: { host: string; port: number; resource: string }) {
    this.#target = target;
    this.#isMissing = target.port === 0;
  }

  /**
   * Asks the instrument to end the call of the link that is under way. Resolves when it has answered, so that the abort cannot hit the call after; never
   * rejects: a gateway that has no abort, or only says so (E5810A), lets the call run to its timeout.
   */
  async abort(lid: number): Promise<void> {
    if (this.#isMissing || this.#isDisposed) return;
    let client: RpcClient | undefined;
    try {
      client = await this.#open();
      await client.call(ABORT_PROCEDURES.abort, { lid }, { timeoutMs: ABORT_MS });
    } catch (error) {
      this.#client = undefined;
      // Refused, it will be refused again; the connection is open all the same.
      if (LabError.from(error).code === 'transport.unsupported') this.#isMissing = true;
      await client?.[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    const client = await this.#client?.catch(() => undefined);
    await client?.[Symbol.asyncDispose]();
  }

  #open(): Promise<RpcClient> {
    this.#client ??= openRpcClient({ ...this.#target, ...VXI11_ABORT }, { connectTimeoutMs: ABORT_MS }).catch(
      (error: unknown) => {
        this.#isMissing = true;
        throw error;
      },
    );
    return this.#client;
  }
}
