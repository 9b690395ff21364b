import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecordingNote, type Underway } from './recording-note.ts';

const NOTED: Underway = {
  id: 'rec-1',
  name: 'night',
  folder: '/recordings',
  notes: '',
  operator: '',
  tags: [],
  compression: 'none',
  plainMessages: false,
  startedNs: '1',
  part: 1,
  isOnOwnDrive: false,
};

test('a note that is still being written when the recording is stopped is gone afterwards', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-note-'));
  try {
    const note = new RecordingNote(folder);
    const writing = [1, 2, 3].map((part) => note.write({ ...NOTED, part }));
    await note.remove();
    await Promise.all(writing);
    expect(await readdir(folder)).toEqual([]);
    await note.write({ ...NOTED, part: 4 });
    expect((await note.read())?.part).toBe(4);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a note that cannot be read is not taken for none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-note-'));
  try {
    await mkdir(join(folder, 'recording.json'));
    await expect(new RecordingNote(folder).read()).rejects.toMatchObject({ code: 'EISDIR' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
