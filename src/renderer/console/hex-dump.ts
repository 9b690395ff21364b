/** One line of a dump: where it begins, its bytes in hex, and what of them is text. */
export interface HexRow {
  offset: string;
  hex: string;
  text: string;
}

const PER_ROW = 16;

/** Sixteen bytes a row; bytes that are no printable ASCII are a dot. */
export function hexRows(bytes: Uint8Array): HexRow[] {
  const rows: HexRow[] = [];
  for (let at = 0; at < bytes.length; at += PER_ROW) {
    const part = bytes.subarray(at, at + PER_ROW);
    const pairs = Array.from(part, (byte) => byte.toString(16).padStart(2, '0'));
    rows.push({
      offset: at.toString(16).padStart(6, '0'),
      hex: `${pairs.slice(0, 8).join(' ')}  ${pairs.slice(8).join(' ')}`.trimEnd(),
      text: Array.from(part, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join(''),
    });
  }
  return rows;
}

/** Bytes of a base64 text. */
export function bytesOfBase64(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
