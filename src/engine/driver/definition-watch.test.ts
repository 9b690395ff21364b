import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LabError } from '../../core/errors.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import { createSystemClock } from '../system-clock.ts';
import { BuiltInFamilies } from './built-in-families.ts';
import { builtInFolder, readDefinitions } from './definition-folder.ts';
import { type DefinitionWatch, openDefinitionWatch } from './definition-watch.ts';
import { FamilyCatalog } from './family-catalog.ts';

const dp832 = parseIdentity('RIGOL TECHNOLOGIES,DP832,DP8C1,00.01');
const text = readFileSync(join(builtInFolder(), 'rigol-dp800.yaml'), 'utf8');
let folder: string;
let catalog: FamilyCatalog;
let watching: DefinitionWatch;
let faults: LabError[];
let changes: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'labwire-definitions-'));
  catalog = new FamilyCatalog();
  for (const definition of readDefinitions(builtInFolder())) catalog.put(definition, 'built-in');
  faults = [];
  changes = [];
  watching = openDefinitionWatch({
    folder,
    layer: 'own',
    catalog,
    clock: createSystemClock(),
    failed: (error) => faults.push(error),
    changed: (ids) => changes.push(...ids),
  });
});

afterEach(() => {
  watching[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const write = (content: string): void => writeFileSync(join(folder, 'mine.yaml'), content);
const title = (): string | undefined => catalog.choose(dp832)?.name;

it('takes a file as soon as it is written, and the built-in one again when it goes', async () => {
  expect(title()).toBe('Rigol DP800');
  write(text.replace('title: Rigol DP800', 'title: My supply'));
  await expect.poll(title).toBe('My supply');
  expect(changes).toEqual(['rigol-dp800']);
  rmSync(join(folder, 'mine.yaml'));
  await expect.poll(title).toBe('Rigol DP800');
  expect(faults).toEqual([]);
});

it('garbage of every kind is said, and nothing of it read for ever', () => {
  write(text.replace('title: Rigol DP800', 'title: My supply'));
  mkdirSync(join(folder, 'folder.yaml'));
  symlinkSync('/dev/zero', join(folder, 'endless.yaml'));
  writeFileSync(join(folder, 'long.yaml'), 'x'.repeat(1_200_000));
  writeFileSync(join(folder, 'binary.yml'), Buffer.from([0, 255, 254, 7, 58, 10]));
  writeFileSync(join(folder, 'bomb.yaml'), bomb());
  writeFileSync(join(folder, 'empty.yaml'), '');
  symlinkSync(join(folder, 'nowhere'), join(folder, 'broken.yaml'));
  watching.look();
  expect(title()).toBe('My supply');
  const said = watching.problems.map(({ file }) => file).sort();
  expect(said).toEqual([
    'binary.yml',
    'bomb.yaml',
    'broken.yaml',
    'empty.yaml',
    'endless.yaml',
    'folder.yaml',
    'long.yaml',
  ]);
});

it('a folder that can be read no more is said, and what was in force stays', () => {
  write(text.replace('title: Rigol DP800', 'title: My supply'));
  watching.look();
  rmSync(folder, { recursive: true });
  writeFileSync(folder, 'a file in its place');
  expect(() => watching.look()).not.toThrow();
  expect(title()).toBe('My supply');
  expect(faults.map(({ code }) => code)).toEqual(['driver.malformed']);
});

/** Aliases of aliases: a billion of them. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`);
  return ['a0: &a0 [x]', ...levels].join('\n');
}

it('keeps what was in force when a file is bad, and says once what is wrong and where', () => {
  write(text.replace('title: Rigol DP800', 'title: My supply'));
  watching.look();
  write(text.replace('title: Rigol DP800', 'title: Worse').replace('kind: number', 'kind: numbr'));
  watching.look();
  watching.look();
  expect(title()).toBe('My supply');
  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatchObject({ code: 'driver.malformed', message: expect.stringContaining('voltage.set.kind') });
  write('id: [');
  watching.look();
  expect(faults[1]).toMatchObject({
    code: 'driver.malformed',
    message: expect.stringContaining('mine.yaml is no YAML'),
  });
  write(text.replace('errors: {', 'dialog: nobody\nerrors: {'));
  watching.look();
  expect(faults[2]?.message).toContain("no dialog named 'nobody'");
  expect(watching.problems).toEqual([{ file: 'mine.yaml', message: faults[2]?.message }]);
  expect(title()).toBe('My supply');
});

it('takes what fits most closely', () => {
  const wide = text
    .replace('id: rigol-dp800', 'id: wide')
    .replace("model: '^DP8\\d\\d'", "model: '.*'")
    .replace('title: Rigol DP800', 'title: Any Rigol');
  write(wide);
  watching.look();
  expect(title()).toBe('Rigol DP800');
  expect(catalog.choose(parseIdentity('RIGOL TECHNOLOGIES,DG1022,DG1,1'))?.name).toBe('Any Rigol');
});

it('leaves nothing behind', () => {
  write(text.replace('title: Rigol DP800', 'title: My supply'));
  watching.look();
  watching[Symbol.dispose]();
  expect(title()).toBe('Rigol DP800');
});

it('reads the built-in ones in pauses, and those left when they are needed; a bad one is a problem of its own', async () => {
  const built = new FamilyCatalog();
  write('id: [');
  writeFileSync(join(folder, 'good.yaml'), text);
  const families = new BuiltInFamilies(built, () => folder);
  expect(built.families).toEqual([]);
  families.begin();
  await expect.poll(() => built.families.length).toBe(1);
  families.finish();
  expect(families.problems).toEqual([{ file: 'mine.yaml', message: expect.stringContaining('no YAML') }]);
  const atOnce = new FamilyCatalog();
  new BuiltInFamilies(atOnce, () => folder).finish();
  expect(atOnce.families).toHaveLength(1);
});
