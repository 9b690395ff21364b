import { isIPv4 } from 'node:net';
import { LabError } from '../../../core/errors.ts';
import { CORE_PROCEDURES, VXI11_ERROR, VXI11_FAMILY, VXI11_INTERRUPT } from '../../../protocol/vxi11.ts';
import { type InterruptServer, openInterruptServer } from './interrupt-server.ts';
import type { Link } from './link.ts';

type Listener = (statusByte: number | undefined) => void;

/**
 * Service requests of one link. The interrupt channel is made for the first listener and destroyed after the last. The instrument sends no status
 * byte along: listeners poll it.
 */
export class SrqListeners {
  readonly #link: Link;
  readonly #listeners = new Set<Listener>();
  /** Making and destroying one after the other. */
  #server: Promise<InterruptServer | undefined> = Promise.resolve(undefined);

  constructor(link: Link) {
    this.#link = link;
  }

  async listen(listener: Listener): Promise<AsyncDisposable> {
    // Two of the same are two.
    const own: Listener = (statusByte) => listener(statusByte);
    this.#listeners.add(own);
    const server = this.#server.catch(() => undefined).then((open) => open ?? this.#enable());
    this.#server = server;
    try {
      await server;
    } catch (error) {
      this.#listeners.delete(own);
      throw error;
    }
    return {
      [Symbol.asyncDispose]: async () => {
        this.#listeners.delete(own);
        if (this.#listeners.size === 0) await this.close();
      },
    };
  }

  /** The channel is given back as far as the link lives. */
  close(): Promise<void> {
    const closing = this.#server
      .catch(() => undefined)
      .then(async (server) => {
        if (!server || this.#listeners.size > 0) return server;
        await this.#disable(server);
        return undefined;
      });
    this.#server = closing;
    return closing.then(() => {});
  }

  /** The link is gone: nothing is said to the instrument. */
  async abandon(): Promise<void> {
    this.#listeners.clear();
    const server = await this.#server.catch(() => undefined);
    await server?.[Symbol.asyncDispose]();
  }

  async #enable(): Promise<InterruptServer> {
    const { core, resource, lid } = this.#link;
    const address = core.localAddress?.replace(/^::ffff:/, '');
    if (address === undefined || !isIPv4(address)) {
      const text = `Service requests of VXI-11 need IPv4; ${resource} is connected over IPv6. Poll the status byte instead.`;
      throw new LabError('transport.unsupported', text, { resource });
    }
    const server = await openInterruptServer(address, resource, () => {
      for (const listener of [...this.#listeners]) listener(undefined);
    });
    try {
      await this.#createChannel(address, server.port);
      const { error } = await this.#link.call(CORE_PROCEDURES.enableSrq, { lid, enable: true, handle: server.handle });
      this.#link.check(error, 'Enabling service requests');
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  async #createChannel(address: string, hostPort: number): Promise<void> {
    const hostAddress = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const args = { hostAddress, hostPort, ...VXI11_INTERRUPT, family: VXI11_FAMILY.tcp };
    const { createInterruptChannel, destroyInterruptChannel } = CORE_PROCEDURES;
    let { error } = await this.#link.call(createInterruptChannel, args);
    // Left over from listeners before.
    if (error === VXI11_ERROR.channelExists) {
      await this.#link.call(destroyInterruptChannel, undefined);
      ({ error } = await this.#link.call(createInterruptChannel, args));
    }
    this.#link.check(error, 'Making the interrupt channel');
  }

  async #disable(server: InterruptServer): Promise<void> {
    const { lid, core } = this.#link;
    try {
      if (core.ended) return;
      // The handle goes along also when disabling: some instruments refuse the call without it.
      await this.#link.call(CORE_PROCEDURES.enableSrq, { lid, enable: false, handle: server.handle });
      await this.#link.call(CORE_PROCEDURES.destroyInterruptChannel, undefined);
    } catch {
      // The link ended meanwhile; with it the channel.
    } finally {
      await server[Symbol.asyncDispose]();
    }
  }
}
