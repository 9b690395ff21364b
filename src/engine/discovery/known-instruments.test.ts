import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openKnownInstruments, type Seen } from './known-instruments.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-known-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const PORT = 'ASRL/dev/ttyUSB0::INSTR';
const seen = (id: string, seenNs: number, change: Partial<Seen> = {}): Seen => ({
  id,
  identity: { maker: 'A', model: 'B', serial: id, firmware: '' },
  label: id,
  options: {},
  path: { resource: PORT, seenNs: String(seenNs) },
  ...change,
});
const open = async (problems: string[] = [], limits = { maxInstruments: 3, maxPaths: 2 }) =>
  openKnownInstruments(join(folder, 'known.json'), (text) => void problems.push(text), limits);

it('comes back: label, options and ways of each unit, and who was last at an address', async () => {
  const known = await open();
  known.remember(seen('one', 1, { label: 'Left', options: { line: { baudRate: 115_200 }, writeTermination: 'cr' } }));
  known.remember(seen('two', 2));
  expect(known.at(PORT)?.id).toBe('two');
  known.remember(seen('one', 3, { label: 'Left', options: { as: 'korad' } }));
  await known[Symbol.asyncDispose]();
  const again = await open();
  expect(again.at(PORT)).toMatchObject({ id: 'one', label: 'Left', options: { as: 'korad' } });
  expect(again.of('two')?.paths).toHaveLength(1);
  again.forget(PORT);
  expect(again.at(PORT)).toBeUndefined();
  expect(again.of('one')?.options, 'what is set stays with the unit').toEqual({ as: 'korad' });
  await again[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual(['known.json']);
});

it('another adapter under the same name is another place', async () => {
  const known = await open();
  known.remember(seen('one', 1, { path: { resource: PORT, seenNs: '1', adapter: 'ftdi:1' } }));
  expect(known.at(PORT, 'ftdi:1')?.id).toBe('one');
  expect(known.at(PORT, 'ftdi:2')).toBeUndefined();
  expect(known.at(PORT)?.id, 'where the system does not say').toBe('one');
  await known[Symbol.asyncDispose]();
});

it('is bounded: the oldest go', async () => {
  const known = await open();
  for (let index = 0; index < 5; index++) known.remember(seen(`unit${index}`, index));
  for (let index = 0; index < 5; index++)
    known.remember(seen('unit4', index, { path: { resource: `ASRL${index}::INSTR`, seenNs: '1' } }));
  expect(known.all.map(({ id }) => id)).toEqual(['unit4', 'unit3', 'unit2']);
  expect(known.of('unit4')?.paths.map(({ resource }) => resource)).toEqual(['ASRL4::INSTR', 'ASRL3::INSTR']);
  await known[Symbol.asyncDispose]();
});

it('a time that is none is damage, and no fault of every attach at that address', async () => {
  const problems: string[] = [];
  const known = await open();
  known.remember(seen('one', 1));
  known.remember(seen('two', 2));
  await known[Symbol.asyncDispose]();
  const path = join(folder, 'known.json');
  await writeFile(path, (await readFile(path, 'utf8')).replaceAll(/"seenNs": "\d+"/g, '"seenNs": "lately"'));
  const again = await open(problems);
  expect(again.at(PORT)).toBeUndefined();
  expect(problems).toEqual([expect.stringContaining('.bad')]);
  await again[Symbol.asyncDispose]();
});

it('a file that cannot be read is told and left alone', async () => {
  const path = join(folder, 'known.json');
  const problems: string[] = [];
  await mkdir(path);
  const known = await open(problems);
  expect(problems).toEqual([expect.stringMatching(/cannot be read from .*known\.json \(EISDIR\)/)]);
  // It can be read again: what stands there is not what this run knows.
  await rmdir(path);
  await writeFile(path, 'as it was');
  known.remember(seen('one', 1));
  await known[Symbol.asyncDispose]();
  expect(await readFile(path, 'utf8')).toBe('as it was');
});

it('a damaged file is set aside; one of a newer version is left alone', async () => {
  const path = join(folder, 'known.json');
  const problems: string[] = [];
  await writeFile(path, '{"format":"labwire-instruments","version":1,"instruments":[{}]}');
  await (await open(problems))[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual(['known.json.bad']);
  const newer = '{"format":"labwire-instruments","version":9,"more":true}';
  await writeFile(path, newer);
  const known = await open(problems);
  known.remember(seen('one', 1));
  await known[Symbol.asyncDispose]();
  expect(await readFile(path, 'utf8')).toBe(newer);
  expect(problems).toEqual([expect.stringContaining('.bad'), expect.stringContaining('newer Labwire')]);
});
