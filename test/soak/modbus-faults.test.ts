import { afterAll, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openModbusLines } from '../../src/engine/transport/modbus/line-share.ts';
import { runModbusFaults } from '../conformance/modbus-faults.ts';
import { MODBUS_WAYS } from '../conformance/modbus-way.ts';

const FAULTS = 10_000;
/** Most of the time is waiting, so many lines go side by side. */
const LINES = 20;

afterAll(() => {
  expect(openScopes()).toEqual([]);
  expect(openModbusLines()).toBe(0);
});

it.each(MODBUS_WAYS)('10,000 faults over Modbus %s', { timeout: FAULTS * 60 }, async (way) => {
  expect(await runModbusFaults({ way, seed: 5000, faults: FAULTS, runs: LINES })).toHaveLength(LINES);
});
