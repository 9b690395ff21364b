import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { emptyState } from '../state/empty-state.ts';
import { StateBoard } from '../state/state-board.ts';
import { type BenchDocument, createBenchDocument, parseBench, readBenchFile, writeBenchFile } from './bench-file.ts';
import { BenchKeeper } from './bench-keeper.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-bench-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('bench file', () => {
  it('comes back as it was written, and leaves nothing beside', async () => {
    const path = join(folder, 'a.labwire.json');
    const document = {
      ...createBenchDocument('Board 7'),
      channels: { 'a/b/c/v': { label: 'Vout', scale: { gain: 2, offset: 1 } } },
    };
    await writeBenchFile(path, document);
    expect(await readBenchFile(path)).toEqual(document);
    expect(await readdir(folder)).toEqual(['a.labwire.json']);
  });

  it.each([
    ['bench.malformed', 'no json'],
    ['bench.malformed', '{"format":"something else","version":1}'],
    ['bench.malformed', JSON.stringify({ ...createBenchDocument('x'), plots: 7 })],
    ['bench.malformed', JSON.stringify({ ...createBenchDocument('x'), channels: { 'a/b/c/v': { color: 'red' } } })],
    ['bench.from-future', JSON.stringify({ format: 'labwire-bench', version: 99 })],
  ])('refuses with %s and leaves the file alone', async (code, text) => {
    const path = join(folder, 'bad.json');
    await writeFile(path, text);
    await expect(readBenchFile(path)).rejects.toMatchObject({ code });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('says which line of a damaged file is wrong', () => {
    expect(() => parseBench(JSON.stringify({ ...createBenchDocument('x'), plots: [{ id: 1 }] }), 'x')).toThrow(
      /plots\.0/,
    );
  });

  it('says bench.not-found', async () => {
    await expect(readBenchFile(join(folder, 'none'))).rejects.toMatchObject({ code: 'bench.not-found' });
  });
});

describe('bench keeper', () => {
  const load = async (): Promise<void> => {};
  const PLOTS = [{ id: 'p', title: 'Plot', channels: [] }];

  function keeperAt(clock = new ManualClock()): { keeper: BenchKeeper; board: StateBoard; clock: ManualClock } {
    const board = new StateBoard(emptyState(folder));
    const source = { collect: (name: string) => ({ ...createBenchDocument(name), plots: board.state.plots }) };
    return { keeper: new BenchKeeper(folder, { clock, board }, source), board, clock };
  }

  it('saves by itself a second after a change, and brings it back', async () => {
    const { keeper, board, clock } = keeperAt();
    await keeper.restore();
    board.publish('plot.changed', { plots: [{ id: 'p', title: 'Plot', channels: [] }] });
    keeper.touch();
    await clock.advance(1000);
    await keeper[Symbol.asyncDispose]();
    expect((await keeperAt().keeper.restore()).document.plots).toHaveLength(1);
    expect(board.state.bench.savedNs).not.toBeNull();
  });

  it('goes on under the new name after save as, and opens it again next time', async () => {
    const { keeper } = keeperAt();
    await keeper.restore();
    keeper.rename('Buck');
    await keeper.saveAs(join(folder, 'buck.labwire.json'));
    const next = keeperAt().keeper;
    expect((await next.restore()).document.name).toBe('Buck');
  });

  it('says when it cannot be read which bench was open last', async () => {
    await mkdir(join(folder, 'bench-path'));
    const { document, problem } = await keeperAt().keeper.restore();
    expect(document.name).toBe('Bench 1');
    expect(problem?.message).toMatch(/open last cannot be read from .*bench-path \(EISDIR\)/);
  });

  it('keeps the open bench when another cannot be opened', async () => {
    const { keeper, board } = keeperAt();
    await keeper.restore();
    await writeFile(join(folder, 'future'), JSON.stringify({ format: 'labwire-bench', version: 2 }));
    await expect(keeper.open(join(folder, 'future'), load)).rejects.toMatchObject({ code: 'bench.from-future' });
    await keeper.save();
    expect(board.state.bench.path).toBeNull();
  });

  it('saves nothing while one bench takes the place of another, however long that takes', async () => {
    const { keeper, board, clock } = keeperAt();
    await keeper.restore();
    board.publish('plot.changed', { plots: PLOTS });
    const [a, b] = [join(folder, 'a.json'), join(folder, 'b.json')];
    await keeper.saveAs(a);
    await writeBenchFile(b, createBenchDocument('B'));
    const detached = createDeferred<void>();
    const begun = createDeferred<void>();
    const slowly = async (document: BenchDocument): Promise<void> => {
      begun.resolve();
      await detached.promise;
      board.publish('plot.changed', { plots: document.plots });
    };
    const opening = keeper.open(b, slowly);
    await begun.promise;
    // An instrument of A is detached, so autosave comes due; another screen opens A meanwhile.
    keeper.touch();
    await clock.advance(1000);
    const back = keeper.open(a, slowly);
    expect(await readBenchFile(b)).toEqual(createBenchDocument('B'));
    detached.resolve();
    await opening;
    await back;
    expect(await readBenchFile(b)).toEqual(createBenchDocument('B'));
    expect(await readBenchFile(a)).toEqual({ ...createBenchDocument('Bench 1'), plots: PLOTS });
    expect(board.state).toMatchObject({ plots: PLOTS, bench: { name: 'Bench 1', path: a } });
  });

  it('a new bench leaves the one that had no file of its own in one', async () => {
    const { keeper, board } = keeperAt();
    await keeper.restore();
    board.publish('plot.changed', { plots: PLOTS });
    keeper.rename('Rails');
    const empty = async ({ plots }: BenchDocument): Promise<void> => board.publish('plot.changed', { plots });
    const kept = await keeper.create('Empty', empty);
    expect((await readBenchFile(kept ?? '')).plots).toEqual(PLOTS);
    expect((await keeperAt().keeper.restore()).document).toEqual(createBenchDocument('Empty'));
    expect(await keeper.create('Empty too', empty), 'nothing in it, nothing to keep').toBeUndefined();
  });

  it('a bench whose file is away leaves the bench of the data folder alone', async () => {
    const { keeper, board } = keeperAt();
    await keeper.restore();
    board.publish('plot.changed', { plots: PLOTS });
    await keeper.save();
    await keeper.saveAs(join(folder, 'stick.json'));
    await rm(join(folder, 'stick.json'));
    const next = keeperAt().keeper;
    expect((await next.restore()).problem?.code).toBe('bench.not-found');
    await next.save();
    expect((await readBenchFile(join(folder, 'Bench 1.labwire.json'))).plots).toEqual(PLOTS);
  });

  it('goes on in the file it made beside one it could not read', async () => {
    await writeFile(join(folder, 'bench.labwire.json'), 'damaged');
    const { keeper, board } = keeperAt();
    await keeper.restore();
    board.publish('plot.changed', { plots: PLOTS });
    await keeper.save();
    expect((await keeperAt().keeper.restore()).document.plots).toEqual(PLOTS);
  });

  it('never writes over a bench it could not read', async () => {
    const path = join(folder, 'bench.labwire.json');
    await writeFile(path, 'damaged');
    const { keeper } = keeperAt();
    expect((await keeper.restore()).problem?.code).toBe('bench.malformed');
    await keeper.save();
    expect(await readFile(path, 'utf8')).toBe('damaged');
  });

  it('says so when the file cannot be written, and tries again', async () => {
    const { keeper, board } = keeperAt();
    await keeper.restore();
    const place = join(folder, 'sub', 'a.json');
    await expect(keeper.saveAs(place)).rejects.toMatchObject({ code: 'bench.unwritable' });
    expect(board.state.bench.path).toBeNull();
    await keeper.save();
    expect(board.state.bench.error).toBeNull();
  });
});
