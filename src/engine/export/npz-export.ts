import { countRows } from './count-rows.ts';
import type { FormatJob, Written } from './format-writer.ts';
import { NpzStream } from './npz-stream.ts';
import { OutFile } from './out-file.ts';
import { recordingFacts } from './recording-facts.ts';
import { RowProgress } from './row-progress.ts';
import { StoredZip } from './stored-zip.ts';
import { streamFolders } from './stream-folders.ts';
import { streamRows } from './stream-rows.ts';
import { planTable } from './table.ts';

/** Arrays of each stream in an archive that `numpy.load` opens: docs/export.md. */
export async function writeNpz(job: FormatJob): Promise<Written> {
  const { recording, channels, range, options, tick } = job;
  const plan = planTable(recording, channels, range, options.provenance);
  await using file = await OutFile.open(job.path);
  const zip = new StoredZip(file, Number(recording.info.startedNs / 1_000_000n));
  const facts = new TextEncoder().encode(JSON.stringify(recordingFacts(job), null, 2));
  await zip.reserve('labwire.json', facts.byteLength).write(facts);
  const progress = new RowProgress(plan.sources, tick);
  const folders = streamFolders(plan.sources);
  for (const [index, source] of plan.sources.entries()) {
    if (source.chunks.length === 0) continue;
    const rows = await countRows(recording, source, range);
    const stream = new NpzStream(zip, folders[index] ?? String(index), rows, source, channels);
    for await (const piece of streamRows(plan, source, range)) {
      await stream.add(piece);
      progress.add(piece.rows);
    }
    await stream.finish();
  }
  await zip.finish();
  await file.sync();
  return { rows: progress.rows, notes: [] };
}
