import { expect, it } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import {
  configurationTotal,
  decodeConfiguration,
  decodeDeviceDescriptor,
  decodeLanguage,
  decodeStringDescriptor,
  encodeConfiguration,
  encodeDeviceDescriptor,
  encodeStringDescriptor,
} from './usb-descriptor.ts';

/** What a bench oscilloscope with USBTMC says of itself (USB 2.0 tables 9-8 to 9-13). */
const DEVICE = Uint8Array.of(18, 1, 0, 2, 0, 0, 0, 64, 0xb1, 0x1a, 0xce, 0x04, 0, 1, 1, 2, 3, 1);
const CONFIGURATION = Uint8Array.from([
  ...[9, 2, 39, 0, 1, 1, 0, 0xc0, 1],
  ...[9, 4, 0, 0, 3, 0xfe, 3, 1, 0],
  ...[7, 5, 0x01, 2, 0x00, 0x02, 0],
  ...[7, 5, 0x82, 2, 0x00, 0x02, 0],
  ...[7, 5, 0x83, 3, 0x08, 0x00, 1],
]);

it('device descriptor', () => {
  const device = decodeDeviceDescriptor(DEVICE);
  expect(device).toMatchObject({
    vendorId: 0x1ab1,
    productId: 0x04ce,
    release: 0x0100,
    serialIndex: 3,
    configurations: 1,
  });
  expect(encodeDeviceDescriptor(device)).toEqual(DEVICE);
  expect(() => decodeDeviceDescriptor(DEVICE.subarray(0, 17))).toThrowError(/broken device descriptor/);
});

it('configuration: interfaces and endpoints, both ways', () => {
  const whole = CONFIGURATION.slice();
  whole[2] = whole.length;
  const configuration = decodeConfiguration(whole);
  expect(configuration).toEqual({
    value: 1,
    interfaces: [
      {
        number: 0,
        classCode: 0xfe,
        subclassCode: 3,
        protocolCode: 1,
        endpoints: [
          { number: 1, direction: 'out', type: 'bulk', packetSize: 512 },
          { number: 2, direction: 'in', type: 'bulk', packetSize: 512 },
          { number: 3, direction: 'in', type: 'interrupt', packetSize: 8 },
        ],
      },
    ],
  });
  expect(encodeConfiguration(configuration)).toEqual(whole);
  expect(configurationTotal(whole.subarray(0, 9))).toBe(whole.length);
});

it('passes over descriptors of other kinds and other settings of an interface', () => {
  const association = [8, 11, 0, 2, 0xfe, 3, 1, 0];
  const other = [9, 4, 0, 1, 1, 0xff, 0, 0, 0, 7, 5, 0x04, 2, 64, 0, 0];
  const bytes = Uint8Array.from([9, 2, 0, 0, 1, 1, 0, 0xc0, 1, ...association, ...CONFIGURATION.subarray(9), ...other]);
  bytes[2] = bytes.length;
  const { interfaces } = decodeConfiguration(bytes);
  expect(interfaces).toHaveLength(1);
  expect(interfaces[0]?.endpoints).toHaveLength(3);
});

it('strings: UTF-16, without what firmware pads them with', () => {
  expect([...encodeStringDescriptor('DS1')]).toEqual([8, 3, 0x44, 0, 0x53, 0, 0x31, 0]);
  for (const text of ['DS1ZA1640', 'Ω µ °', ''])
    expect(decodeStringDescriptor(encodeStringDescriptor(text))).toBe(text);
  expect(decodeStringDescriptor(encodeStringDescriptor(' MY123\0\0\0 '))).toBe('MY123');
  expect(encodeStringDescriptor('x'.repeat(300))).toHaveLength(254);
  expect(() => decodeStringDescriptor(Uint8Array.of(200, 3, 1))).toThrowError(/string descriptor/);
  expect(decodeLanguage(Uint8Array.of(4, 3, 0x07, 0x04))).toBe(0x0407);
  expect(decodeLanguage(Uint8Array.of(2, 3))).toBe(0x0409);
});

it('seeded noise is a configuration or protocol.malformed, and never an endless loop', () => {
  const random = seededRandom(9);
  for (let round = 0; round < 2000; round++) {
    const bytes = CONFIGURATION.slice();
    bytes[2] = random.below(2) ? bytes.length : random.below(256);
    for (let spoiled = 0; spoiled < 3; spoiled++) bytes[random.below(bytes.length)] = random.below(256);
    try {
      decodeConfiguration(bytes);
    } catch (error) {
      expect(error).toMatchObject({ code: 'protocol.malformed' });
    }
  }
});
