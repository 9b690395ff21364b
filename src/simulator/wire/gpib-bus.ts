import type { GpibAddress } from '../../core/resource-shape.ts';
import type { MessageConnection, MessageDevice } from './message-device.ts';

/** An instrument on the bus. */
export interface BusInstrument {
  address: GpibAddress;
  device: MessageDevice;
}

/** One instrument as the controller of the bus sees it. */
export interface Listener {
  connection: MessageConnection;
  /** It asserts SRQ: until it is polled. */
  isRequesting: boolean;
  isRemote: boolean;
}

/** A GPIB bus with its instruments, for one controller. */
export class GpibBus {
  readonly #listeners = new Map<string, Listener>();

  constructor(instruments: readonly BusInstrument[], cut: () => void) {
    for (const { address, device } of instruments) {
      const listener: Listener = { connection: device.connect(cut), isRequesting: false, isRemote: false };
      listener.connection.onServiceRequest(() => {
        listener.isRequesting = true;
      });
      this.#listeners.set(keyOf(address), listener);
    }
  }

  at(address: GpibAddress): Listener | undefined {
    return this.#listeners.get(keyOf(address));
  }

  /** The SRQ line. */
  get isServiceRequested(): boolean {
    return [...this.#listeners.values()].some(({ isRequesting }) => isRequesting);
  }

  /** REN is asserted and the instrument addressed to listen. */
  address(listener: Listener): void {
    if (listener.isRemote) return;
    listener.isRemote = true;
    listener.connection.remoteLocal('remote');
  }

  toLocal(listener: Listener): void {
    listener.isRemote = false;
    listener.connection.remoteLocal('local');
  }

  poll(listener: Listener): number {
    const byte = listener.connection.serialPoll();
    listener.isRequesting = false;
    return byte;
  }

  closed(): void {
    for (const { connection } of this.#listeners.values()) connection.closed();
  }
}

function keyOf({ primary, secondary }: GpibAddress): string {
  return secondary === undefined ? String(primary) : `${primary} ${secondary}`;
}
