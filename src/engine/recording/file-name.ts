const MAX_CHARACTERS = 80;
/** File systems allow 255 bytes of UTF-8, endings and part number included. */
const MAX_BYTES = 180;
/** Names Windows reserves, with any extension. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** A file name from what a person typed: never a path, legal on Linux, macOS and Windows. '' and the like become `recording`. */
export function fileStem(name: string): string {
  const legal = name
    .normalize('NFC')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go.
    .replace(/[<>:"/\\|?*\u0000-\u001f\u007f]+/g, '-')
    .replace(/\s+/g, ' ')
    .replace(/^[. ]+/, '');
  const characters = [...legal].slice(0, MAX_CHARACTERS);
  while (new TextEncoder().encode(characters.join('')).byteLength > MAX_BYTES) characters.pop();
  const short = characters.join('').replace(/[. ]+$/, '');
  if (short === '' || short === '-') return 'recording';
  return RESERVED.test(short) ? `_${short}` : short;
}

/** `NAME` for part 1, `NAME-0002` for the second. */
export function partStem(stem: string, part: number): string {
  return part === 1 ? stem : `${stem}-${String(part).padStart(4, '0')}`;
}
