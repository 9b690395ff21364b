import { expect, test } from 'vitest';
import { parseResource } from '../../core/resource.ts';
import { isSamePlace } from './same-wire.ts';

test.each([
  ['TCPIP0::127.0.0.1::5025::SOCKET', 'TCPIP0::localhost::5025::SOCKET', true],
  ['TCPIP0::127.0.0.1::5025::SOCKET', 'TCPIP0::localhost::5026::SOCKET', false],
  ['ASRL/dev/ttyUSB0::INSTR', 'ASRL/dev/ttyUSB0::INSTR', true],
  ['ASRL/dev/ttyUSB0::INSTR', 'ASRL/dev/ttyUSB1::INSTR', false],
  ['PRLGX-TCPIP0::10.0.0.5::1234::INTFC', 'TCPIP0::10.0.0.5::1234::SOCKET', true],
  ['MODBUS-TCPIP0::10.0.0.9::502::7::INSTR', 'MODBUS-TCPIP0::10.0.0.9::502::8::INSTR', false],
  ['MODBUS-TCPIP0::10.0.0.9::502::7::INSTR', 'TCPIP0::10.0.0.9::502::SOCKET', true],
])('%s and %s are one place: %s', (one, other, expected) => {
  expect(isSamePlace(parseResource(one), parseResource(other))).toBe(expected);
});
