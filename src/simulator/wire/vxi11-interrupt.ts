import { connect, type Socket } from 'node:net';
import { encodeCall } from '../../protocol/onc-rpc.ts';
import { markRecord } from '../../protocol/record-mark.ts';
import {
  type DeviceRemoteArgs,
  INTERRUPT_PROCEDURES,
  VXI11_ERROR,
  VXI11_FAMILY,
  VXI11_INTERRUPT,
} from '../../protocol/vxi11.ts';

const CONNECT_MS = 2000;

/** The instrument's end of an interrupt channel: it calls the client, and waits for no reply. */
export class Vxi11InterruptChannel {
  #socket: Socket | undefined;
  #xid = 0;

  /** Gives the error code of create_intr_chan. */
  async open({ hostAddress, hostPort, program, version, family }: DeviceRemoteArgs): Promise<number> {
    if (this.#socket) return VXI11_ERROR.channelExists;
    if (family !== VXI11_FAMILY.tcp) return VXI11_ERROR.notSupported;
    const isOurs = program === VXI11_INTERRUPT.program && version === VXI11_INTERRUPT.version;
    if (!isOurs || hostPort < 1 || hostPort > 65_535) return VXI11_ERROR.parameter;
    const host = [24, 16, 8, 0].map((shift) => (hostAddress >>> shift) & 255).join('.');
    const socket = connect({ host, port: hostPort, noDelay: true });
    // From here on `close` finds it: the client may go while it is being connected to.
    this.#socket = socket;
    const isOpen = await new Promise<boolean>((resolve) => {
      const end = (isConnected: boolean): void => {
        clearTimeout(timer);
        resolve(isConnected);
      };
      const timer = setTimeout(() => end(false), CONNECT_MS);
      socket.once('connect', () => end(true));
      socket.on('error', () => end(false));
      socket.once('close', () => end(false));
    });
    if (!isOpen || this.#socket !== socket) {
      socket.destroy();
      if (this.#socket === socket) this.#socket = undefined;
      return VXI11_ERROR.noChannel;
    }
    // Nothing is expected from the client, but unread bytes would hide its end.
    socket.resume();
    return 0;
  }

  request(handle: Uint8Array): void {
    if (!this.#socket || this.#socket.destroyed || this.#socket.connecting) return;
    const header = { xid: ++this.#xid >>> 0, ...VXI11_INTERRUPT };
    this.#socket.write(markRecord(encodeCall(header, INTERRUPT_PROCEDURES.serviceRequest, { handle })));
  }

  /** Gives the error code of destroy_intr_chan. */
  close(): number {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroySoon();
    return socket ? 0 : VXI11_ERROR.noChannel;
  }
}
