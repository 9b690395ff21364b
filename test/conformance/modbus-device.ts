import type { Accept, DeviceWire } from '../../src/simulator/wire/device-wire.ts';
import { createModbusServer, type ModbusServer, type ModbusUnit } from '../../src/simulator/wire/modbus-server.ts';
import type { SuiteDevice } from './message-dialect.ts';
import { coilAt, discreteAt, holdingAt, inputAt } from './modbus-registers.ts';

/** A unit of 65,536 registers and coils of each kind; holding registers and coils can be written. */
export function createRegisterUnit(): ModbusUnit {
  const holding = Uint16Array.from({ length: 0x1_0000 }, (_, address) => holdingAt(address));
  const coils = Uint8Array.from({ length: 0x1_0000 }, (_, address) => coilAt(address));
  return {
    readHolding: (address) => holding[address],
    readInput: inputAt,
    readCoil: (address) => coils[address] === 1,
    readDiscrete: (address) => discreteAt(address) === 1,
    writeHolding(address, value) {
      holding[address] = value;
      return true;
    },
    writeCoil(address, value) {
      coils[address] = value ? 1 : 0;
      return true;
    },
    identity: ['Labwire', 'Registers', '1.0'],
  };
}

export interface ModbusDevice extends SuiteDevice {
  readonly server: ModbusServer;
  readonly acceptRtu: Accept;
  readonly acceptTcp: Accept;
}

/**
 * The simulator's Modbus server with unit 1, and what its answers meet: `answer` is given the frame the server sends. `received` holds requests (function
 * and data) in the order of their answers, `errors` the codes of exceptions.
 */
export function createModbusDevice(): ModbusDevice {
  const server = createModbusServer(new Map([[1, createRegisterUnit()]]));
  const waiting: { count: number; resolve: () => void }[] = [];
  const accepting =
    (accept: Accept, codePlace: number): Accept =>
    (wire) => {
      device.counts.connections++;
      device.counts.open++;
      const inner = accept(answering(wire, codePlace));
      let isClosed = false;
      return {
        receive: (bytes) => inner.receive(bytes),
        closed() {
          if (!isClosed) device.counts.open--;
          isClosed = true;
          inner.closed();
        },
      };
    };
  const answering = (wire: DeviceWire, codePlace: number): DeviceWire => ({
    get pendingBytes() {
      return wire.pendingBytes;
    },
    cut: () => wire.cut(),
    async send(frame) {
      // The server answers at once, so the newest request is the one of this answer.
      const request = server.requests.at(-1);
      if (request) device.received.push(request.pdu);
      if ((frame[codePlace] ?? 0) & 0x80) device.errors.push(frame[codePlace + 1] ?? 0);
      for (const one of waiting.splice(0)) {
        if (device.received.length >= one.count) one.resolve();
        else waiting.push(one);
      }
      const answer = await device.answer(frame);
      if (answer) await wire.send(answer);
    },
  });
  const device: ModbusDevice = {
    server,
    acceptRtu: accepting(server.acceptRtu, 1),
    acceptTcp: accepting(server.acceptTcp, 7),
    answer: (frame) => frame,
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
    setStatus() {
      throw new Error('Modbus has no status byte');
    },
  };
  return device;
}
