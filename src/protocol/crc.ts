/**
 * CRC-32 as in Ethernet, zip and PNG (reflected polynomial 0xEDB88320, start and final xor all ones). Check: "123456789" → 0xCBF43926.
 * Eight bytes at a time (Kounavis and Berry, "slicing by 8"): about 1 ns a byte instead of 3.
 */
const TABLES = createTables();

function createTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    tables[byte] = value;
  }
  for (let slice = 1; slice < 8; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = tables[(slice - 1) * 256 + byte] ?? 0;
      tables[slice * 256 + byte] = (before >>> 8) ^ (tables[before & 255] ?? 0);
    }
  }
  return tables;
}

/** CRC-32 of `bytes[start, end)` as an unsigned number. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = -1;
  let i = start;
  for (const last = end - 8; i <= last; i += 8) {
    const low = crc ^ (at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24));
    crc =
      at(TABLES, 1792 + (low & 255)) ^
      at(TABLES, 1536 + ((low >>> 8) & 255)) ^
      at(TABLES, 1280 + ((low >>> 16) & 255)) ^
      at(TABLES, 1024 + (low >>> 24)) ^
      at(TABLES, 768 + at(bytes, i + 4)) ^
      at(TABLES, 512 + at(bytes, i + 5)) ^
      at(TABLES, 256 + at(bytes, i + 6)) ^
      at(TABLES, at(bytes, i + 7));
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ at(TABLES, (crc ^ at(bytes, i)) & 255);
  return ~crc >>> 0;
}

/** Element known to exist; V8 inlines it. */
function at(array: Uint8Array | Int32Array, index: number): number {
  return array[index] as number;
}
