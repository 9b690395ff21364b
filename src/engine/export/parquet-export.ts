import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ChunkCompression } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { openCodec } from '../recording/chunk-codec.ts';
import type { FormatJob, Written } from './format-writer.ts';
import { OutFile } from './out-file.ts';
import type { GroupColumn } from './parquet-group.ts';
import { ParquetGroup } from './parquet-group.ts';
import type { PagePacker } from './parquet-page.ts';
import { layPage } from './parquet-page.ts';
import { recordingFacts } from './recording-facts.ts';
import { openTable } from './table-rows.ts';

type Schema = ConstructorParameters<typeof ParquetWriter>[0]['schema'];
type RowGroup = ParquetWriter['row_groups'][number];
type ColumnChunk = RowGroup['columns'][number];
type Codec = NonNullable<ConstructorParameters<typeof ParquetWriter>[0]['codec']>;

/** The key of the facts about the recording, as JSON, in the metadata of the file. */
export const PARQUET_FACTS = 'labwire';

/**
 * A table in Apache Parquet: `time` as INT64 ns (TIMESTAMP, UTC), a nullable column a channel. Row groups are written one by one, so memory
 * does not grow with the table. docs/export.md.
 */
export async function writeParquet(job: FormatJob): Promise<Written> {
  const { plan, blocks } = openTable(job);
  const { codec, pack } = await openPacker(job.options.compression);
  await using file = await OutFile.open(job.path);
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: schemaOf(plan.columns),
    codec,
    createdBy: `labwire ${job.recording.info.appVersion}`,
    kvMetadata: [{ key: PARQUET_FACTS, value: JSON.stringify(recordingFacts(job)) }],
  });
  const flush = async (): Promise<void> => {
    await file.write(writer.getBytes());
    writer.index = 0;
  };
  await flush();
  const group = new ParquetGroup(plan.columns);
  const names = parquet.schema.slice(1);
  const writeGroup = async (): Promise<void> => {
    const start = file.bytes;
    const columns: ColumnChunk[] = [];
    for (const [index, element] of names.entries()) {
      const content = index === 0 ? group.time() : group.column(index - 1);
      columns.push(await writeColumn(file, element, content, codec, pack));
    }
    const total = columns.reduce((sum, { meta_data }) => sum + (meta_data?.total_uncompressed_size ?? 0n), 0n);
    const size = BigInt(file.bytes - start);
    parquet.row_groups.push({
      columns,
      total_byte_size: total,
      num_rows: BigInt(group.rows),
      total_compressed_size: size,
    });
    parquet.num_rows += BigInt(group.rows);
    group.clear();
  };
  for await (const block of blocks) {
    for (let from = 0; from < block.rows; ) {
      from += group.add(block, from);
      if (group.rows === group.capacity) await writeGroup();
    }
    job.tick(block.share);
  }
  if (group.rows > 0) await writeGroup();
  await parquet.finish();
  await flush();
  await file.sync();
  return { rows: Number(parquet.num_rows), notes: [] };
}

function schemaOf(columns: ReturnType<typeof openTable>['plan']['columns']): Schema {
  const timestamp = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' } as const;
  return [
    { name: 'labwire', num_children: columns.length + 1 },
    { name: 'time', type: 'INT64', repetition_type: 'REQUIRED', logical_type: timestamp },
    ...columns.map(({ name, kind, isFloat64 }): Schema[number] =>
      kind === 'time'
        ? { name, type: 'INT64', repetition_type: 'OPTIONAL', logical_type: timestamp }
        : { name, type: isFloat64 ? 'DOUBLE' : 'FLOAT', repetition_type: 'OPTIONAL' },
    ),
  ];
}

async function writeColumn(
  file: OutFile,
  element: Schema[number],
  content: GroupColumn,
  codec: Codec,
  pack: PagePacker | undefined,
): Promise<ColumnChunk> {
  const offset = BigInt(file.bytes);
  const { pieces, bytes, plainBytes } = await layPage(content, element.repetition_type === 'OPTIONAL', pack);
  for (const piece of pieces) if (piece.byteLength > 0) await file.write(piece);
  return {
    file_offset: offset,
    meta_data: {
      type: element.type ?? 'DOUBLE',
      encodings: ['PLAIN', 'RLE'],
      path_in_schema: [element.name],
      codec,
      num_values: BigInt(content.rows),
      total_uncompressed_size: BigInt(plainBytes),
      total_compressed_size: BigInt(bytes),
      data_page_offset: offset,
      statistics: {
        min_value: content.least,
        max_value: content.most,
        null_count: BigInt(content.rows - content.count),
      },
    },
  };
}

/** Zstandard frames are what Parquet calls ZSTD; of LZ4 it takes blocks only (LZ4_RAW). */
async function openPacker(compression: ChunkCompression): Promise<{ codec: Codec; pack: PagePacker | undefined }> {
  if (compression === 'none') return { codec: 'UNCOMPRESSED', pack: undefined };
  if (compression === 'lz4') {
    const { compress } = await import('lz4-napi');
    // The library puts the length before the block, which the page header says already.
    return { codec: 'LZ4_RAW', pack: async (bytes) => (await compress(bytes)).subarray(4) };
  }
  const zstd = await openCodec('zstd');
  if (!zstd) {
    throw new LabError(
      'export.unsupported',
      'Zstandard is not available here. Nothing was written. Choose lz4, or no compression.',
    );
  }
  return { codec: 'ZSTD', pack: (bytes) => zstd.pack(bytes) };
}
