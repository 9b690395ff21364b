import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Accept } from '../../src/simulator/wire/device-wire.ts';
import { openPtyServer } from '../../src/simulator/wire/pty-server.ts';
import { openSocketServer } from '../../src/simulator/wire/socket-server.ts';
import { hasSocat } from './pty-pair.ts';

export type ModbusWayName = 'tcp' | 'rtu';

/** Modbus/TCP, and RTU where there are pseudo-terminals. */
export const MODBUS_WAYS: readonly ModbusWayName[] = hasSocat ? ['tcp', 'rtu'] : ['tcp'];

/** A served line; disposing it pulls the cable, too. */
export interface ModbusWay extends AsyncDisposable {
  /** Resource of a unit. */
  at(unit: number): string;
  /** Another one that leads to the same unit, over a connection of its own where there can be one. */
  otherAt(unit: number): string;
}

/** Serves a Modbus server on sockets of 127.0.0.1 or on a pseudo-terminal. */
export function serveModbus(way: ModbusWayName, server: { acceptTcp: Accept; acceptRtu: Accept }): Promise<ModbusWay> {
  return way === 'tcp' ? serveTcp(server.acceptTcp) : servePty(server.acceptRtu);
}

async function serveTcp(accept: Accept): Promise<ModbusWay> {
  const [one, two] = await Promise.all([openSocketServer(0, accept), openSocketServer(0, accept)]);
  return {
    at: (unit) => `MODBUS-TCPIP0::127.0.0.1::${one.port}::${unit}`,
    otherAt: (unit) => `MODBUS-TCPIP0::127.0.0.1::${two.port}::${unit}`,
    async [Symbol.asyncDispose]() {
      await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()]);
    },
  };
}

async function servePty(accept: Accept): Promise<ModbusWay> {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-modbus-'));
  const pty = await openPtyServer(folder, 'bus', accept);
  const at = (unit: number): string => `MODBUS-ASRL0::${pty.path}::${unit}`;
  return {
    at,
    otherAt: at,
    async [Symbol.asyncDispose]() {
      await pty[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
