import { createServer, type Server, type Socket } from 'node:net';
import { ByteQueue } from '../../core/byte-queue.ts';
import { LabError } from '../../core/errors.ts';
import {
  encodeImportReply,
  encodeListReply,
  encodeSubmitted,
  encodeUnlinked,
  takeUsbipCommand,
  takeUsbipRequest,
  USBIP_MAX_TRANSFER_BYTES,
  USBIP_SPEED,
  USBIP_STATUS,
  type UsbipListed,
  type UsbipSubmit,
} from '../../protocol/usbip.ts';
import { standardRequest } from './standard-request.ts';
import { parseSetup, type UsbPeripheral } from './usb-peripheral.ts';

export interface UsbipServerOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 3240; 0: any free one. */
  port?: number;
}

export interface UsbipServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Exports a device; gives its bus id. */
  plug(peripheral: UsbPeripheral): string;
  /** Pulls the cable, in whatever state it is. */
  unplug(busId: string): void;
}

/** Most connections at once, and most requests of one that wait. */
const MAX_CONNECTIONS = 64;
const MAX_PENDING = 256;
const NOTHING = new Uint8Array(0);

interface Export {
  peripheral: UsbPeripheral;
  about: UsbipListed;
  client: Socket | undefined;
}

/** A USB/IP exporter (Linux Documentation/usb/usbip_protocol.rst) of simulated devices. A device has one client at a time. Throws `simulator.failed`. */
export async function openUsbipServer({
  host = '127.0.0.1',
  port = 3240,
}: UsbipServerOptions = {}): Promise<UsbipServer> {
  const exports = new Map<string, Export>();
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    new Conversation(socket, exports).start();
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, host, port);
  const address = server.address();
  return {
    host,
    port: typeof address === 'object' && address ? address.port : 0,
    plug(peripheral) {
      const number = ++count;
      const busId = `1-${number}`;
      exports.set(busId, { peripheral, about: aboutOf(peripheral, busId, number), client: undefined });
      return busId;
    },
    unplug(busId) {
      const found = exports.get(busId);
      exports.delete(busId);
      found?.client?.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** One connection: an operation, and after an import the requests of its device. */
class Conversation {
  readonly #socket: Socket;
  readonly #exports: Map<string, Export>;
  readonly #queue = new ByteQueue({ limitBytes: 2 * USBIP_MAX_TRANSFER_BYTES });
  readonly #pending = new Map<number, AbortController>();
  /** Requests of one endpoint are carried out in the order they came. */
  readonly #endpoints = new Map<number, Promise<void>>();
  #export: Export | undefined;

  constructor(socket: Socket, exports: Map<string, Export>) {
    this.#socket = socket;
    this.#exports = exports;
  }

  start(): void {
    this.#socket.on('data', (chunk) => {
      try {
        this.#queue.push(chunk);
        while (this.#export ? this.#takeCommand(this.#export.peripheral) : this.#takeOperation());
      } catch {
        this.#socket.destroy();
      }
    });
    this.#socket.on('close', () => {
      for (const controller of this.#pending.values()) controller.abort(new Error('closed'));
      this.#pending.clear();
      if (this.#export?.client !== this.#socket) return;
      this.#export.client = undefined;
      this.#export.peripheral.detach();
    });
  }

  /** Whether there may be more. */
  #takeOperation(): boolean {
    const request = takeUsbipRequest(this.#queue);
    if (!request) return false;
    if (request.kind === 'list') {
      this.#socket.end(encodeListReply([...this.#exports.values()].map(({ about }) => about)));
      return false;
    }
    const found = this.#exports.get(request.busId);
    if (!found || found.client) {
      this.#socket.end(encodeImportReply(undefined));
      return false;
    }
    found.client = this.#socket;
    this.#export = found;
    found.peripheral.attach(() => this.#socket.destroy());
    this.#socket.write(encodeImportReply(found.about));
    return true;
  }

  #takeCommand(peripheral: UsbPeripheral): boolean {
    const command = takeUsbipCommand(this.#queue);
    if (!command) return false;
    if (command.kind === 'unlink') {
      const controller = this.#pending.get(command.target);
      this.#pending.delete(command.target);
      controller?.abort(new Error('unlinked'));
      this.#socket.write(encodeUnlinked(command.sequence, controller ? USBIP_STATUS.connectionReset : USBIP_STATUS.ok));
      return true;
    }
    if (this.#pending.size >= MAX_PENDING) throw new RangeError('too many requests');
    // The one before could not be taken back any more, not even when the client goes; it would take the next client's answer.
    if (this.#pending.has(command.sequence)) throw new RangeError('two requests of one number');
    const controller = new AbortController();
    this.#pending.set(command.sequence, controller);
    const endpoint = command.endpoint | (command.isIn ? 0x80 : 0);
    // Endpoint 0 is one for both directions.
    const key = command.endpoint === 0 ? 0 : endpoint;
    const before = this.#endpoints.get(key) ?? Promise.resolve();
    this.#endpoints.set(
      key,
      before.then(() => this.#carryOut(peripheral, command, controller.signal)),
    );
    return true;
  }

  async #carryOut(peripheral: UsbPeripheral, submit: UsbipSubmit, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      const { status, data, length } = await perform(peripheral, submit, signal);
      if (!this.#pending.delete(submit.sequence) || this.#socket.destroyed) return;
      this.#socket.write(encodeSubmitted(submit.sequence, status, length, data));
    } catch {
      // Unlinked: it was answered by the unlinking.
      this.#pending.delete(submit.sequence);
    }
  }
}

async function perform(
  peripheral: UsbPeripheral,
  { endpoint, isIn, length, setup: packet, data }: UsbipSubmit,
  signal: AbortSignal,
): Promise<{ status: number; data: Uint8Array; length: number }> {
  if (endpoint === 0) {
    const setup = parseSetup(packet);
    const answer = standardRequest(peripheral, setup) ?? (await peripheral.control(setup, data));
    const bytes = isIn ? answer.data.subarray(0, length) : NOTHING;
    return { ...result(answer.outcome), data: bytes, length: isIn ? bytes.length : data.length };
  }
  if (isIn) {
    const answer = await peripheral.in(endpoint, length, signal);
    return { ...result(answer.outcome), data: answer.data, length: answer.data.length };
  }
  const outcome = await peripheral.out(endpoint, data, signal);
  return { ...result(outcome), data: NOTHING, length: outcome === 'ok' ? data.length : 0 };
}

function result(outcome: 'ok' | 'stall'): { status: number } {
  return { status: outcome === 'ok' ? USBIP_STATUS.ok : USBIP_STATUS.stall };
}

function aboutOf(peripheral: UsbPeripheral, busId: string, number: number): UsbipListed {
  const { descriptor, configuration } = peripheral;
  const { interfaces } = configuration;
  const isFast = interfaces.some(({ endpoints }) => endpoints.some(({ packetSize }) => packetSize > 64));
  return {
    path: `/sys/devices/platform/labwire/usb1/${busId}`,
    busId,
    busNumber: 1,
    deviceNumber: number + 1,
    speed: isFast ? USBIP_SPEED.high : USBIP_SPEED.full,
    vendorId: descriptor.vendorId,
    productId: descriptor.productId,
    release: descriptor.release,
    deviceClass: descriptor.deviceClass,
    deviceSubclass: descriptor.deviceSubclass,
    deviceProtocol: descriptor.deviceProtocol,
    configurationValue: configuration.value,
    configurations: descriptor.configurations,
    interfaceCount: interfaces.length,
    interfaces: interfaces.map(({ classCode, subclassCode, protocolCode }) => ({
      classCode,
      subclassCode,
      protocolCode,
    })),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const text = `The simulated USB devices cannot be served on ${host} port ${port} (${error.code ?? error.message}). Give another port or 0 for any free one.`;
      reject(new LabError('simulator.failed', text, { code: error.code ?? '' }, { cause: error }));
    });
    server.listen(port, host, () => resolve());
  });
}
