import { describe, expect, it } from 'vitest';
import { parseSiglentDescriptor } from './siglent-descriptor.ts';
import { checkCount, scaleCodes, scaledColumn } from './waveform-codes.ts';

/** Volts worked out by hand from the bytes. */
describe('codes to volts', () => {
  const scale = { zero: 10, gain: 0.5, base: 2 };
  const volts = (bytes: number[], width: 1 | 2, isSigned: boolean, isBigEndian: boolean): number[] => {
    const out = new Float32Array(bytes.length / width + 1);
    // Not at the start of its buffer: a block lies anywhere.
    const block = Uint8Array.of(99, ...bytes).subarray(1);
    scaleCodes(block, { width, isSigned, isBigEndian }, scale, out, 1);
    return Array.from(out.subarray(1));
  };

  it.each([
    [[0, 10, 255], 1, false, false, [-3, 2, 124.5]],
    [[0, 127, 128, 255], 1, true, false, [-3, 60.5, -67, -3.5]],
    [[0x0a, 0x00, 0x00, 0x80], 2, false, false, [2, 16381]],
    [[0x00, 0x0a, 0x80, 0x00], 2, false, true, [2, 16381]],
    [[0xff, 0xff, 0x00, 0x80], 2, true, false, [-3.5, -16387]],
    [[0xff, 0xff, 0x80, 0x00], 2, true, true, [-3.5, -16387]],
  ] as const)('%j of %i bytes, signed %s, high byte first %s', (bytes, width, isSigned, isBigEndian, expected) => {
    expect(volts([...bytes], width, isSigned, isBigEndian)).toEqual(expected);
  });

  it('says what a code is worth', () => {
    const layout = { width: 2, isSigned: false, isBigEndian: false } as const;
    const column = scaledColumn({ channel: 'ch1.waveform', unit: 'V' }, scale, layout);
    expect(column).toEqual({ channel: 'ch1.waveform', unit: 'V', scale: 0.5, offset: -3, bits: 16 });
  });

  it('refuses a block of another length', () => {
    expect(() => checkCount(new Uint8Array(4), 2, 2, 'C1')).not.toThrow();
    expect(() => checkCount(new Uint8Array(6), 2, 2, 'C1')).toThrowError(
      expect.objectContaining({
        code: 'protocol.malformed',
        message: expect.stringContaining('3 points of C1 where 2'),
      }),
    );
  });
});

describe('descriptor of Siglent scopes', () => {
  /** The table of the guide with a probe of 10:1. */
  function block(change: (view: DataView) => void = () => {}): Uint8Array {
    const bytes = new Uint8Array(346);
    bytes.set(new TextEncoder().encode('WAVEDESC'));
    const view = new DataView(bytes.buffer);
    view.setFloat32(0x9c, 0.5, true);
    view.setFloat32(0xa0, -0.25, true);
    view.setFloat32(0xa4, 30, true);
    view.setInt16(0xac, 8, true);
    view.setFloat32(0xb0, 2 ** -20, true);
    view.setFloat64(0xb4, 1.5e-3, true);
    view.setFloat32(0x148, 10, true);
    change(view);
    return bytes;
  }

  it('is read with the factor of the probe', () => {
    expect(parseSiglentDescriptor(block())).toEqual({
      voltsPerDivision: 5,
      offset: -2.5,
      codesPerDivision: 30,
      adcBits: 8,
      dtS: 2 ** -20,
      delayS: 1.5e-3,
    });
  });

  it.each([
    ['too short', block().subarray(0, 0x14b)],
    ['no descriptor', block((view) => view.setUint8(0, 0x58))],
    ['no probe', block((view) => view.setFloat32(0x148, 0, true))],
    ['no step', block((view) => view.setFloat32(0xb0, 0, true))],
    ['no number', block((view) => view.setFloat64(0xb4, Number.NaN, true))],
    ['no codes', block((view) => view.setFloat32(0xa4, -1, true))],
  ])('is refused when there is %s', (_, bytes) => {
    expect(() => parseSiglentDescriptor(bytes)).toThrowError(expect.objectContaining({ code: 'protocol.malformed' }));
  });
});
