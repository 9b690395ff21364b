import type { CallOutput } from './calls.ts';
import type { Client } from './client.ts';

/** The recordings of an engine, newest first, a page for each message: thousands do not go into one. Throws what `recording.list` throws. */
export async function* recordingPages(
  client: Pick<Client, 'call'>,
  search = '',
): AsyncGenerator<CallOutput<'recording.list'>> {
  for (let from: number | null = 0; from !== null; ) {
    const page: CallOutput<'recording.list'> = await client.call('recording.list', {
      ...(search === '' ? {} : { search }),
      ...(from === 0 ? {} : { from }),
    });
    yield page;
    from = page.next;
  }
}

/** The first of them that is looked for; undefined: none. */
export async function findRecordingRow(
  client: Pick<Client, 'call'>,
  isIt: (row: CallOutput<'recording.list'>['recordings'][number]) => boolean,
): Promise<{ row: CallOutput<'recording.list'>['recordings'][number] | undefined; folder: string }> {
  let folder = '';
  for await (const page of recordingPages(client)) {
    folder = page.folder;
    const row = page.recordings.find(isIt);
    if (row) return { row, folder };
  }
  return { row: undefined, folder };
}
