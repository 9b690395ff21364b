import { LabError } from '../../../core/errors.ts';

/** What the binary preamble of a Siglent scope says of a waveform; s and V, of the probe's tip. */
export interface SiglentDescriptor {
  /** V per division at the probe. */
  voltsPerDivision: number;
  offset: number;
  codesPerDivision: number;
  adcBits: number;
  dtS: number;
  /** Trigger delay. */
  delayS: number;
}

/** Longest field ends there. */
const LEAST_BYTES = 0x14c;
const NAME = 'WAVEDESC';

/**
 * Reads the block of `:WAVeform:PREamble?` (programming guide, table of the preamble): little endian, volts without the probe's factor.
 * Throws `protocol.malformed`.
 */
export function parseSiglentDescriptor(block: Uint8Array): SiglentDescriptor {
  const name = String.fromCharCode(...block.subarray(0, NAME.length));
  if (block.length < LEAST_BYTES || name !== NAME) {
    throw new LabError(
      'protocol.malformed',
      `The preamble of ${block.length} bytes is no waveform descriptor. Nothing was captured; try again.`,
      { sizeBytes: block.length },
    );
  }
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const probe = view.getFloat32(0x148, true);
  const descriptor = {
    voltsPerDivision: view.getFloat32(0x9c, true) * probe,
    offset: view.getFloat32(0xa0, true) * probe,
    codesPerDivision: view.getFloat32(0xa4, true),
    adcBits: view.getInt16(0xac, true),
    dtS: view.getFloat32(0xb0, true),
    delayS: view.getFloat64(0xb4, true),
  };
  const { voltsPerDivision, codesPerDivision, dtS } = descriptor;
  const isWhole = Object.values(descriptor).every(Number.isFinite);
  if (!isWhole || !(voltsPerDivision > 0) || !(codesPerDivision > 0) || !(dtS > 0)) {
    throw new LabError(
      'protocol.malformed',
      'The preamble holds numbers that cannot be. Nothing was captured; try again.',
    );
  }
  return descriptor;
}
