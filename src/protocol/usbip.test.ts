import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../core/byte-queue.ts';
import { seededRandom } from '../core/seeded-random.ts';
import {
  encodeImportReply,
  encodeImportRequest,
  encodeListReply,
  encodeListRequest,
  encodeSubmit,
  encodeSubmitted,
  encodeUnlink,
  encodeUnlinked,
  takeImportReply,
  takeListReply,
  takeUsbipAnswer,
  takeUsbipCommand,
  takeUsbipRequest,
  type UsbipListed,
} from './usbip.ts';

const hex = (data: Uint8Array): string => [...data].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
const unhex = (text: string): Uint8Array =>
  Uint8Array.from(text.trim().split(/\s+/), (byte) => Number.parseInt(byte, 16));
const queueOf = (...chunks: Uint8Array[]): ByteQueue => {
  const queue = new ByteQueue({ limitBytes: 64 * 1024 * 1024 });
  for (const chunk of chunks) queue.push(chunk);
  return queue;
};

const DEVICE: UsbipListed = {
  path: '/sys/devices/pci0000:00/0000:00:01.2/usb1/1-1',
  busId: '1-1',
  busNumber: 1,
  deviceNumber: 2,
  speed: 3,
  vendorId: 0x1ab1,
  productId: 0x04ce,
  release: 0x0100,
  deviceClass: 0,
  deviceSubclass: 0,
  deviceProtocol: 0,
  configurationValue: 1,
  configurations: 1,
  interfaceCount: 1,
  interfaces: [{ classCode: 0xfe, subclassCode: 3, protocolCode: 1 }],
};

describe('operations', () => {
  it('requests, byte by byte', () => {
    expect(hex(encodeListRequest())).toBe('01 11 80 05 00 00 00 00');
    expect(hex(encodeImportRequest('1-1'))).toBe(`01 11 80 03 00 00 00 00 31 2d 31${' 00'.repeat(29)}`);
    expect(takeUsbipRequest(queueOf(encodeListRequest()))).toEqual({ kind: 'list' });
    expect(takeUsbipRequest(queueOf(encodeImportRequest('1-1')))).toEqual({ kind: 'import', busId: '1-1' });
  });

  it('a list, its numbers where the document has them', () => {
    const bytes = encodeListReply([DEVICE]);
    expect(bytes).toHaveLength(12 + 312 + 4);
    expect(hex(bytes.subarray(0, 12))).toBe('01 11 00 05 00 00 00 00 00 00 00 01');
    // busnum, devnum, speed, idVendor, idProduct, bcdDevice, classes, value, configurations, interfaces; then the interface.
    expect(hex(bytes.subarray(12 + 288))).toBe(
      '00 00 00 01 00 00 00 02 00 00 00 03 1a b1 04 ce 01 00 00 00 00 01 01 01 fe 03 01 00',
    );
    expect(takeListReply(queueOf(bytes))).toEqual([DEVICE]);
    expect(takeListReply(queueOf(encodeListReply([])))).toEqual([]);
  });

  it('an import, granted and refused', () => {
    const { interfaces: _, ...about } = DEVICE;
    expect(takeImportReply(queueOf(encodeImportReply(about)))).toEqual({ device: about });
    expect(hex(encodeImportReply(undefined))).toBe('01 11 00 03 00 00 00 01');
    expect(takeImportReply(queueOf(encodeImportReply(undefined)))).toEqual({});
  });

  it('a list a byte at a time: not yet, until the last byte', () => {
    const bytes = encodeListReply([DEVICE, { ...DEVICE, busId: '1-2' }]);
    const queue = queueOf();
    for (const [index, byte] of bytes.entries()) {
      queue.push(Uint8Array.of(byte));
      const taken = takeListReply(queue);
      expect(taken?.length, `byte ${index}`).toBe(index === bytes.length - 1 ? 2 : undefined);
    }
  });

  it('refuses another version, another operation, a list without end', () => {
    const malformed = expect.objectContaining({ code: 'protocol.malformed' });
    expect(() => takeUsbipRequest(queueOf(unhex('01 06 80 05 00 00 00 00')))).toThrowError(malformed);
    expect(() => takeUsbipRequest(queueOf(unhex('01 11 80 99 00 00 00 00')))).toThrowError(malformed);
    expect(() => takeListReply(queueOf(unhex('01 11 00 05 00 00 00 00 ff ff ff ff')))).toThrowError(malformed);
    expect(() => takeListReply(queueOf(unhex('01 11 00 05 00 00 00 01 00 00 00 00')))).toThrowError(malformed);
  });
});

describe('requests of a device', () => {
  // The example of the document: GET_DESCRIPTOR on endpoint 0 and its answer.
  const submit = {
    kind: 'submit',
    sequence: 0x0d05,
    deviceId: 0x0001000f,
    isIn: true,
    endpoint: 1,
    length: 0x40,
    setup: new Uint8Array(8),
    data: new Uint8Array(0),
  } as const;

  it('CMD_SUBMIT and RET_SUBMIT in, byte by byte', () => {
    expect(hex(encodeSubmit(submit))).toBe(
      `00 00 00 01 00 00 0d 05 00 01 00 0f 00 00 00 01 00 00 00 01 00 00 00 00 00 00 00 40 00 00 00 00 ff ff ff ff${' 00'.repeat(12)}`,
    );
    const answer = encodeSubmitted(0x0d05, 0, 2, Uint8Array.of(0xaa, 0x55));
    expect(hex(answer)).toBe(
      '00 00 00 03 00 00 0d 05 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00 00 00 ff ff ff ff 00 00 00 00 00 00 00 00 00 00 00 00 aa 55',
    );
    expect(takeUsbipAnswer(queueOf(answer), () => true)).toMatchObject({ kind: 'submitted', status: 0, length: 2 });
  });

  it('CMD_UNLINK and RET_UNLINK, byte by byte', () => {
    expect(hex(encodeUnlink(0x0d06, 0x0001000f, 0x0d05))).toBe(
      `00 00 00 02 00 00 0d 06 00 01 00 0f 00 00 00 00 00 00 00 00 00 00 0d 05${' 00'.repeat(24)}`,
    );
    expect(hex(encodeUnlinked(0x0d06, -104))).toBe(
      `00 00 00 04 00 00 0d 06 00 00 00 00 00 00 00 00 00 00 00 00 ff ff ff 98${' 00'.repeat(24)}`,
    );
    expect(takeUsbipAnswer(queueOf(encodeUnlinked(7, -104)), () => false)).toEqual({
      kind: 'unlinked',
      sequence: 7,
      status: -104,
    });
  });

  it('an answer out has no bytes behind it, whatever its length says', () => {
    const queue = queueOf(encodeSubmitted(5, 0, 300, new Uint8Array(0)), encodeUnlinked(6, 0));
    expect(takeUsbipAnswer(queue, () => false)).toMatchObject({ sequence: 5, length: 300 });
    expect(takeUsbipAnswer(queue, () => false)).toMatchObject({ kind: 'unlinked', sequence: 6 });
    expect(queue.length).toBe(0);
  });

  it('refuses lengths beyond the limit, isochronous transfers and unknown commands', () => {
    const spoil = (at: number, value: number): Uint8Array => {
      const bytes = encodeSubmit(submit);
      new DataView(bytes.buffer).setUint32(at, value);
      return bytes;
    };
    expect(() => takeUsbipCommand(queueOf(spoil(24, 0x7fff_ffff)))).toThrowError(/limit/);
    expect(() => takeUsbipCommand(queueOf(spoil(32, 8)))).toThrowError(/isochronous/);
    expect(() => takeUsbipCommand(queueOf(spoil(0, 9)))).toThrowError(/command 9/);
  });

  it('seeded: any mix of commands in any chunks comes back as it was sent', () => {
    const random = seededRandom(3240);
    for (let round = 0; round < 100; round++) {
      const sent = Array.from({ length: 8 }, (_, sequence) => {
        const isIn = random.below(2) === 1;
        const data = Uint8Array.from({ length: isIn ? 0 : random.below(600) }, () => random.below(256));
        const length = isIn ? random.below(4096) : data.length;
        const setup = Uint8Array.from({ length: 8 }, () => random.below(256));
        const endpoint = random.below(16);
        return {
          kind: 'submit' as const,
          sequence,
          deviceId: random.below(1 << 20),
          isIn,
          endpoint,
          length,
          setup,
          data,
        };
      });
      const stream = new Uint8Array(
        sent.flatMap((one) => [...encodeSubmit(one), ...encodeUnlink(99, 1, one.sequence)]),
      );
      const queue = queueOf();
      const got: unknown[] = [];
      for (let at = 0; at < stream.length; ) {
        const size = 1 + random.below(300);
        queue.push(stream.subarray(at, at + size));
        at += size;
        for (let command = takeUsbipCommand(queue); command; command = takeUsbipCommand(queue)) got.push(command);
      }
      expect(got).toEqual(sent.flatMap((one) => [one, { kind: 'unlink', sequence: 99, target: one.sequence }]));
    }
  });

  it('seeded noise ends in an error of the protocol or in waiting, never otherwise', () => {
    const random = seededRandom(111);
    for (let round = 0; round < 500; round++) {
      const noise = Uint8Array.from(
        { length: random.below(400) },
        () => random.below(256) & (random.below(2) ? 0xff : 3),
      );
      for (const take of [takeUsbipCommand, takeUsbipRequest, takeListReply, takeImportReply]) {
        try {
          take(queueOf(noise));
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^protocol\./) });
        }
      }
    }
  });
});
