import { ByteWriter } from 'hyparquet-writer';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';

/*
 * A column chunk of one data page (version 2, https://parquet.apache.org/docs/file-format/data-pages/): header, definition levels, values.
 * The values are the bytes of a typed array as they are, which is what the encoding PLAIN asks for; the library writes them one by one.
 */
const DATA_PAGE_V2 = 3;
const PLAIN = 0;

/** Values of one column of a row group; `levels` has a bit for each row, 1 where there is a value; undefined: everywhere. */
export interface PageContent {
  rows: number;
  values: Uint8Array;
  count: number;
  levels: Uint8Array | undefined;
}

export interface Page {
  /** Header, levels and (packed) values, to be written one behind the other. */
  pieces: Uint8Array[];
  bytes: number;
  /** If it were not packed. */
  plainBytes: number;
}

/** Packs bytes as the codec of the file wants them. */
export type PagePacker = (bytes: Uint8Array) => Promise<Uint8Array>;

/** The page of a column. `isOptional`: its schema allows nulls. Borrows the values. */
export async function layPage(content: PageContent, isOptional: boolean, pack: PagePacker | undefined): Promise<Page> {
  const levels = isOptional ? runs(content) : new Uint8Array(0);
  const isPacked = pack !== undefined && content.values.byteLength > 0;
  const values = isPacked ? await pack(content.values) : content.values;
  const header = new ByteWriter(64);
  serializeTCompactProtocol(header, {
    field_1: DATA_PAGE_V2,
    field_2: levels.byteLength + content.values.byteLength,
    field_3: levels.byteLength + values.byteLength,
    field_8: {
      field_1: content.rows,
      field_2: content.rows - content.count,
      field_3: content.rows,
      field_4: PLAIN,
      field_5: levels.byteLength,
      field_6: 0,
      field_7: isPacked,
    },
  });
  const head = header.getBytes();
  return {
    pieces: [head, levels, values],
    bytes: head.byteLength + levels.byteLength + values.byteLength,
    plainBytes: head.byteLength + levels.byteLength + content.values.byteLength,
  };
}

/** Definition levels in the hybrid of run lengths and packed bits: one run if all rows are alike, else one of bits. */
function runs({ rows, count, levels }: PageContent): Uint8Array {
  const out = new ByteWriter(16 + (levels?.byteLength ?? 0));
  if (!levels || count === 0) {
    out.appendVarInt(rows << 1);
    out.appendUint8(count === 0 ? 0 : 1);
  } else {
    const groups = Math.ceil(rows / 8);
    out.appendVarInt((groups << 1) | 1);
    out.appendBytes(levels.subarray(0, groups));
  }
  return out.getBytes();
}
