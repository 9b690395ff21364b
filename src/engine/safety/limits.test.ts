import { expect, test } from 'vitest';
import type { ProtectedDevice } from '../../contract/safety-schema.ts';
import { devicesFedBy, limitsOf, tightest } from './limits.ts';

const HERE = 'ACME/P1/TCPIP0::10.0.0.1::1::SOCKET';
const THERE = 'ACME/P1/ASRL-dev-ttyUSB0::INSTR';

function device(id: string, instrument: string, maxV: number): ProtectedDevice {
  return { id, label: id, outputs: [{ instrument, group: 'ch1' }], envelope: { maxV }, needsArming: true };
}

const limit = (devices: ProtectedDevice[], instrument: string): number | undefined =>
  limitsOf(devices, () => false, instrument, 'CH1')?.maxV;

test('without a serial number limits follow the model, the tightest of all addresses, until the unit has its own', () => {
  const devices = [device('a', HERE, 5), device('b', 'ACME/P1/TCPIP0::10.0.0.2::1::SOCKET', 3)];
  expect(limit(devices, HERE)).toBe(5);
  expect(limit(devices, THERE)).toBe(3);
  expect(limitsOf(devices, () => false, THERE, 'ch1')?.unarmed).toEqual(['a', 'b']);
  expect(limit([...devices, device('c', THERE, 30)], THERE)).toBe(30);
  expect(limit(devices, 'ACME/P2/ASRL-dev-ttyUSB0::INSTR')).toBeUndefined();
  expect(limit(devices, 'ACME/P1/77'), 'says which one it is').toBeUndefined();
  expect(limit([device('a', 'ACME/P1/77', 5)], THERE)).toBeUndefined();
  expect(devicesFedBy(devices, THERE, 'ch2')).toEqual([]);
});

test('the tightest of several outputs', () => {
  expect(tightest([])).toBeUndefined();
  const all = [
    { maxV: 5, minV: 1, unarmed: ['x'], device: 'A' },
    { maxV: 6, minV: 2, maxA: 1, unarmed: ['x'], device: 'B' },
  ];
  expect(tightest(all)).toEqual({ maxV: 5, minV: 2, maxA: 1, unarmed: ['x'], device: 'A, B' });
});
