/*
 * A WAV file: RIFF with chunks `fmt `, `fact` (32-bit float only), `data` and `LIST` INFO; above 4 GiB RF64 with a chunk `ds64` (EBU Tech 3306)
 * where else `JUNK` keeps the place.
 */
const PCM = 1;
const IEEE_FLOAT = 3;
const MOST_RIFF_BYTES = 0xffff_ffff;
const DS64_BYTES = 28;

export interface WavShape {
  isFloat: boolean;
  channels: number;
  rateHz: number;
  frames: number;
}

/** Bytes of one frame: a sample of every channel. */
export function frameBytes({ isFloat, channels }: WavShape): number {
  return channels * (isFloat ? 4 : 2);
}

/** Everything before the samples; `listBytes`: what follows them (and their padding). */
export function wavHeader(shape: WavShape, listBytes: number): Uint8Array {
  const { isFloat, channels, rateHz, frames } = shape;
  const formatBytes = isFloat ? 18 : 16;
  const headBytes = 12 + 8 + DS64_BYTES + 8 + formatBytes + (isFloat ? 12 : 0) + 8;
  const dataBytes = frames * frameBytes(shape);
  const riffBytes = headBytes - 8 + dataBytes + (dataBytes % 2) + listBytes;
  const isLarge = riffBytes > MOST_RIFF_BYTES;
  const bytes = new Uint8Array(headBytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const text = (four: string): void => {
    for (const character of four) bytes[at++] = character.charCodeAt(0);
  };
  const word = (value: number): void => {
    view.setUint32(at, value, true);
    at += 4;
  };
  const half = (value: number): void => {
    view.setUint16(at, value, true);
    at += 2;
  };
  const long = (value: number): void => {
    view.setBigUint64(at, BigInt(value), true);
    at += 8;
  };
  text(isLarge ? 'RF64' : 'RIFF');
  word(isLarge ? MOST_RIFF_BYTES : riffBytes);
  text('WAVE');
  text(isLarge ? 'ds64' : 'JUNK');
  word(DS64_BYTES);
  long(isLarge ? riffBytes : 0);
  long(isLarge ? dataBytes : 0);
  long(isLarge ? frames : 0);
  word(0);
  text('fmt ');
  word(formatBytes);
  half(isFloat ? IEEE_FLOAT : PCM);
  half(channels);
  word(rateHz);
  word(Math.min(MOST_RIFF_BYTES, rateHz * frameBytes(shape)));
  half(frameBytes(shape));
  half(isFloat ? 32 : 16);
  if (isFloat) {
    half(0);
    text('fact');
    word(4);
    word(Math.min(MOST_RIFF_BYTES, frames));
  }
  text('data');
  word(isLarge ? MOST_RIFF_BYTES : dataBytes);
  return bytes;
}

/** The chunk of texts behind the samples: name and comment. */
export function wavTexts(texts: Readonly<Record<'INAM' | 'ISFT' | 'ICMT', string>>): Uint8Array {
  const encoder = new TextEncoder();
  const entries = Object.entries(texts).map(([id, text]) => ({
    id: encoder.encode(id),
    text: encoder.encode(`${text}\0`),
  }));
  const size = entries.reduce((sum, { text }) => sum + 8 + text.byteLength + (text.byteLength % 2), 4);
  const bytes = new Uint8Array(8 + size);
  const view = new DataView(bytes.buffer);
  bytes.set(encoder.encode('LIST'));
  view.setUint32(4, size, true);
  bytes.set(encoder.encode('INFO'), 8);
  let at = 12;
  for (const { id, text } of entries) {
    bytes.set(id, at);
    view.setUint32(at + 4, text.byteLength, true);
    bytes.set(text, at + 8);
    at += 8 + text.byteLength + (text.byteLength % 2);
  }
  return bytes;
}
