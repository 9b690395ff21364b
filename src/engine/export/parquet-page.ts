import { ByteWriter } from 'hyparquet-writer';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';

/*
 * Pages of a column chunk (https://parquet.apache.org/docs/file-format/data-pages/): perhaps a dictionary, and one data page (version 2): header,
 * definition levels, values. The values are the bytes of a typed array as they are, which is what the encoding PLAIN asks for; the library writes
 * them one by one.
 */
const DICTIONARY_PAGE = 2;
const DATA_PAGE_V2 = 3;
const PLAIN = 0;
const RLE_DICTIONARY = 8;

/** Texts of a column that says one of few in each row. */
export interface PageDictionary {
  texts: readonly string[];
}

/** Values of one column of a row group; `levels` has a bit for each row, 1 where there is a value; undefined: everywhere. */
export interface PageContent {
  rows: number;
  /** With a dictionary: which of its texts, packed by `packIndices`. */
  values: Uint8Array;
  count: number;
  levels?: Uint8Array | undefined;
  dictionary?: PageDictionary | undefined;
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

/** The data page of a column. `isOptional`: its schema allows nulls. Borrows the values. */
export async function layPage(content: PageContent, isOptional: boolean, pack: PagePacker | undefined): Promise<Page> {
  const levels = isOptional ? levelRuns(content) : new Uint8Array(0);
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
      field_4: content.dictionary ? RLE_DICTIONARY : PLAIN,
      field_5: levels.byteLength,
      field_6: 0,
      field_7: isPacked,
    },
  });
  return page([header.getBytes(), levels, values], content.values.byteLength - values.byteLength);
}

/** The page before it with the texts. */
export async function layDictionary({ texts }: PageDictionary, pack: PagePacker | undefined): Promise<Page> {
  const plain = new ByteWriter(64);
  for (const text of texts) {
    const bytes = new TextEncoder().encode(text);
    plain.appendUint32(bytes.byteLength);
    plain.appendBytes(bytes);
  }
  const texted = plain.getBytes();
  // Not a page that says whether it is packed: it is if the column is.
  const packed = pack ? await pack(texted) : texted;
  const header = new ByteWriter(64);
  serializeTCompactProtocol(header, {
    field_1: DICTIONARY_PAGE,
    field_2: texted.byteLength,
    field_3: packed.byteLength,
    field_7: { field_1: texts.length, field_2: PLAIN },
  });
  return page([header.getBytes(), packed], texted.byteLength - packed.byteLength);
}

/** Indices into a dictionary of so many texts: their width in bits, and one run of packed bits. */
export function packIndices(indices: ArrayLike<number>, count: number, texts: number): Uint8Array {
  const width = Math.max(1, Math.ceil(Math.log2(Math.max(2, texts))));
  const groups = Math.ceil(count / 8);
  const out = new ByteWriter(16 + groups * width);
  out.appendUint8(width);
  out.appendVarInt((groups << 1) | 1);
  const packed = new Uint8Array(groups * width);
  for (let row = 0, bit = 0; row < count; row++, bit += width) {
    // Up to 16 bits over at most three bytes, the lowest bit first.
    const shifted = (indices[row] as number) << (bit & 7);
    const at = bit >> 3;
    packed[at] = (packed[at] as number) | shifted;
    if (shifted > 0xff) packed[at + 1] = shifted >> 8;
    if (shifted > 0xffff) packed[at + 2] = shifted >> 16;
  }
  out.appendBytes(packed);
  return out.getBytes();
}

function page(pieces: Uint8Array[], saved: number): Page {
  const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { pieces, bytes, plainBytes: bytes + saved };
}

/** Definition levels in the hybrid of run lengths and packed bits: one run if all rows are alike, else one of bits. */
function levelRuns({ rows, count, levels }: PageContent): Uint8Array {
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
