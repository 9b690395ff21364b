import type { MessageConnection, MessageDevice } from '../../src/simulator/wire/message-device.ts';
import { MessageExchange } from '../../src/simulator/wire/message-exchange.ts';

/** An instrument behind a message-based way whose answers a test decides. */
export interface TestDevice extends MessageDevice {
  /** Answer of a message; undefined: none. A promise: later. */
  answer: (message: Uint8Array) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Whole messages, oldest first, of all clients. */
  readonly received: Uint8Array[];
  receivedAtLeast(count: number): Promise<void>;
  readonly counts: { triggers: number; clears: number; connections: number; open: number };
  readonly remote: string[];
  /** Codes of query errors. */
  readonly errors: number[];
  /** Sets the status byte (without RQS and MAV); with a mask that lets it through, a service request rises. */
  setStatus(byte: number): void;
  serviceRequestEnable: number;
  /** Cuts every connection from the device's side. */
  cutAll(): void;
}

/** Echoes every message unless told otherwise. */
export function createTestDevice(): TestDevice {
  const waiting: { count: number; resolve: () => void }[] = [];
  const listeners = new Set<() => void>();
  const cuts = new Set<() => void>();
  let status = 0;
  const device: TestDevice = {
    idn: 'Labwire,Test device,1,1.0',
    answer: (message) => message,
    received: [],
    counts: { triggers: 0, clears: 0, connections: 0, open: 0 },
    remote: [],
    errors: [],
    serviceRequestEnable: 0,
    receivedAtLeast: (count) =>
      new Promise((resolve) => {
        if (device.received.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    setStatus(byte) {
      status = byte;
      for (const listener of [...listeners]) listener();
    },
    cutAll() {
      for (const cut of [...cuts]) cut();
    },
    connect(cut): MessageConnection {
      device.counts.connections++;
      device.counts.open++;
      cuts.add(cut);
      const exchange = new MessageExchange({
        statusByte: () => status,
        serviceRequestEnable: () => device.serviceRequestEnable,
        fail: (code) => device.errors.push(code),
        trigger: () => device.counts.triggers++,
        clear: () => device.counts.clears++,
        remoteLocal: (mode) => device.remote.push(mode),
        onStatusChange(listener) {
          listeners.add(listener);
          return { [Symbol.dispose]: () => listeners.delete(listener) };
        },
        async execute(message, respond) {
          device.received.push(message.slice());
          for (const one of waiting.splice(0)) {
            if (device.received.length >= one.count) one.resolve();
            else waiting.push(one);
          }
          const answer = await device.answer(message);
          if (answer) respond(answer, true);
        },
      });
      let isClosed = false;
      return {
        write: (bytes, end) => exchange.write(bytes, end),
        read: (options) => exchange.read(options),
        get hasResponse() {
          return exchange.hasResponse;
        },
        get messageCount() {
          return exchange.messageCount;
        },
        onResponse: (listener) => exchange.onResponse(listener),
        interrupt: () => exchange.interrupt(),
        clear() {
          exchange.clear();
        },
        trigger: () => exchange.trigger(),
        serialPoll: () => exchange.serialPoll(),
        onServiceRequest: (listener) => exchange.onServiceRequest(listener),
        remoteLocal: (mode) => exchange.remoteLocal(mode),
        closed() {
          if (isClosed) return;
          isClosed = true;
          device.counts.open--;
          cuts.delete(cut);
          // Not a device clear: the client left.
          device.counts.clears--;
          exchange.closed();
        },
      };
    },
  };
  return device;
}
