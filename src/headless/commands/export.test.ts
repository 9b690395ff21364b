import { expect, test } from 'vitest';
import { exportOptions } from '../../contract/export-schema.ts';
import { Arguments } from '../command.ts';
import { exportFile, exportOptionsOf } from './export.ts';

const optionsOf = (...args: string[]) => exportOptionsOf(new Arguments(exportFile, ['run.mcap', ...args]));

/** Each option of an export as it is typed. */
const TYPED: Record<keyof typeof exportOptions.shape, { args: string[]; is: unknown }> = {
  separator: { args: ['--separator', ';'], is: ';' },
  decimal: { args: ['--decimal', ','], is: ',' },
  unitsRow: { args: ['--units-row'], is: true },
  shape: { args: ['--long'], is: 'long' },
  merge: { args: ['--merge', 'nearest'], is: 'nearest' },
  gridS: { args: ['--grid', '100ms'], is: 0.1 },
  provenance: { args: ['--provenance'], is: true },
  compression: { args: ['--compression', 'zstd'], is: 'zstd' },
  plainMessages: { args: ['--plain'], is: true },
  gzip: { args: ['--gzip'], is: true },
  timestamps: { args: ['--no-times'], is: false },
  metadata: { args: ['--no-head'], is: false },
  rotateBytes: { args: ['--rotate', '20 kB'], is: 20_000 },
  fullScale: { args: ['--full-scale', '2.5'], is: 2.5 },
  wavSamples: { args: ['--samples', 'pcm16'], is: 'pcm16' },
  width: { args: ['--width', '800'], is: 800 },
  height: { args: ['--height', '600'], is: 600 },
  theme: { args: ['--theme', 'dark'], is: 'dark' },
};

test.each(Object.entries(TYPED))('%s can be asked for', (key, { args, is }) => {
  const standard = exportOptions.parse({});
  expect(optionsOf(...args)).toEqual({ ...standard, [key]: is });
});

test.each([
  ['--rotate', '1 kB', 'At least 10 kB.'],
  ['--rotate', '5', 'Say of what'],
  ['--samples', 'pcm24', 'wavSamples'],
])('%s %s is refused: %s', (option, value, why) => {
  expect(() => optionsOf(option, value)).toThrow(
    expect.objectContaining({ code: 'call.invalid', message: expect.stringContaining(why) }),
  );
});
