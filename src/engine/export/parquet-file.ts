import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ChunkCompression } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { openCodec } from '../recording/chunk-codec.ts';
import type { OutFile } from './out-file.ts';
import type { PageContent, PagePacker } from './parquet-page.ts';
import { layDictionary, layPage } from './parquet-page.ts';

export type ParquetSchema = ConstructorParameters<typeof ParquetWriter>[0]['schema'];
export type ParquetColumn = ParquetSchema[number];
type RowGroup = ParquetWriter['row_groups'][number];
type ColumnChunk = RowGroup['columns'][number];
type Codec = NonNullable<ConstructorParameters<typeof ParquetWriter>[0]['codec']>;

/** A time in ns since 1970, UTC. */
export const TIMESTAMP = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' } as const;

/** What one column of a row group holds, and what the footer says about it. */
export interface GroupColumn extends PageContent {
  least?: number | bigint | undefined;
  most?: number | bigint | undefined;
}

/** The key of the facts about the recording, as JSON, in the metadata of the file. */
const FACTS = 'labwire';

/** A Parquet file of one table, row group after row group: nothing of it stays in memory but what the footer says. */
export class ParquetFile {
  readonly #file: OutFile;
  readonly #codec: Codec;
  readonly #pack: PagePacker | undefined;
  readonly #columns: readonly ParquetColumn[];
  readonly #writer = new ByteWriter();
  readonly #parquet: ParquetWriter;

  private constructor(
    file: OutFile,
    columns: readonly ParquetColumn[],
    codec: Codec,
    pack: PagePacker | undefined,
    about: { facts: unknown; appVersion: string },
  ) {
    this.#file = file;
    this.#codec = codec;
    this.#pack = pack;
    this.#columns = columns;
    this.#parquet = new ParquetWriter({
      writer: this.#writer,
      schema: [{ name: 'labwire', num_children: columns.length }, ...columns],
      codec,
      createdBy: `labwire ${about.appVersion}`,
      kvMetadata: [{ key: FACTS, value: JSON.stringify(about.facts) }],
    });
  }

  /** @throws LabError export.unsupported: the compression is not available here */
  static async open(
    file: OutFile,
    columns: readonly ParquetColumn[],
    compression: ChunkCompression,
    about: { facts: unknown; appVersion: string },
  ): Promise<ParquetFile> {
    const { codec, pack } = await openPacker(compression);
    const parquet = new ParquetFile(file, columns, codec, pack, about);
    await parquet.#flush();
    return parquet;
  }

  get rows(): number {
    return Number(this.#parquet.num_rows);
  }

  /** Writes a row group; `contentOf` is asked for each column in turn. */
  async writeGroup(rows: number, contentOf: (column: number) => GroupColumn): Promise<void> {
    const start = this.#file.bytes;
    const columns: ColumnChunk[] = [];
    for (const [index, column] of this.#columns.entries()) {
      columns.push(await this.#writeColumn(column, contentOf(index)));
    }
    const total = columns.reduce((sum, { meta_data }) => sum + (meta_data?.total_uncompressed_size ?? 0n), 0n);
    this.#parquet.row_groups.push({
      columns,
      total_byte_size: total,
      num_rows: BigInt(rows),
      total_compressed_size: BigInt(this.#file.bytes - start),
    });
    this.#parquet.num_rows += BigInt(rows);
  }

  /** Writes the footer. */
  async finish(): Promise<void> {
    await this.#parquet.finish();
    await this.#flush();
  }

  async #writeColumn(column: ParquetColumn, content: GroupColumn): Promise<ColumnChunk> {
    const { dictionary } = content;
    const start = this.#file.bytes;
    const first = dictionary ? await layDictionary(dictionary, this.#pack) : undefined;
    for (const piece of first?.pieces ?? []) await this.#file.write(piece);
    const dataAt = this.#file.bytes;
    const page = await layPage(content, column.repetition_type === 'OPTIONAL', this.#pack);
    for (const piece of page.pieces) if (piece.byteLength > 0) await this.#file.write(piece);
    return {
      file_offset: BigInt(start),
      meta_data: {
        type: column.type ?? 'DOUBLE',
        encodings: dictionary ? ['PLAIN', 'RLE_DICTIONARY', 'RLE'] : ['PLAIN', 'RLE'],
        path_in_schema: [column.name],
        codec: this.#codec,
        num_values: BigInt(content.rows),
        total_uncompressed_size: BigInt((first?.plainBytes ?? 0) + page.plainBytes),
        total_compressed_size: BigInt((first?.bytes ?? 0) + page.bytes),
        data_page_offset: BigInt(dataAt),
        ...(dictionary ? { dictionary_page_offset: BigInt(start) } : {}),
        statistics: {
          min_value: content.least,
          max_value: content.most,
          null_count: BigInt(content.rows - content.count),
        },
      },
    };
  }

  async #flush(): Promise<void> {
    await this.#file.write(this.#writer.getBytes());
    this.#writer.index = 0;
  }
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
