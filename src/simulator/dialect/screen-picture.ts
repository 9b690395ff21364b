import { deflateSync } from 'node:zlib';
import { crc32 } from '../../protocol/crc.ts';
import type { ChannelSettings, Frame } from '../scope-acquisition.ts';

/** A scope as its screen sees it. */
export interface ScreenSource {
  /** The newest frame; undefined: nothing was acquired. */
  frame(): Pick<Frame, 'samples'> | undefined;
  channel(n: number): Pick<ChannelSettings, 'scale' | 'offset'> | undefined;
}

const WIDTH = 320;
const HEIGHT = 192;
const GRID = 24;
/** Yellow, cyan, magenta, blue: as scopes colour their channels. */
const COLOURS = [
  [255, 224, 0],
  [0, 224, 255],
  [255, 0, 200],
  [64, 96, 255],
] as const;

/** What the screen of the simulated scope shows: grid and traces, 24 bits a pixel, from the top left. */
function drawScreen(scope: ScreenSource): Uint8Array {
  const pixels = new Uint8Array(WIDTH * HEIGHT * 3);
  const put = (x: number, y: number, [red, green, blue]: readonly [number, number, number]): void => {
    if (x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT) pixels.set([red, green, blue], (y * WIDTH + x) * 3);
  };
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) if (x % GRID === 0 || y % GRID === 0) put(x, y, [48, 48, 48]);
  }
  for (const [n, samples] of scope.frame()?.samples ?? []) {
    const { scale = 1, offset = 0 } = scope.channel(n) ?? {};
    for (let x = 0; x < WIDTH; x++) {
      const volts = samples[Math.floor((x * samples.length) / WIDTH)] ?? 0;
      const y = Math.round(HEIGHT / 2 - ((volts + offset) / scale) * GRID);
      put(x, y, COLOURS[(n - 1) % COLOURS.length] ?? COLOURS[0]);
    }
  }
  return pixels;
}

/** The screen as a PNG file (RGB, one filter byte a line). */
export function screenPng(scope: ScreenSource): Uint8Array {
  const pixels = drawScreen(scope);
  const lines = new Uint8Array(HEIGHT * (WIDTH * 3 + 1));
  for (let y = 0; y < HEIGHT; y++) {
    lines.set(pixels.subarray(y * WIDTH * 3, (y + 1) * WIDTH * 3), y * (WIDTH * 3 + 1) + 1);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, WIDTH);
  view.setUint32(4, HEIGHT);
  header.set([8, 2, 0, 0, 0], 8);
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(lines)),
    pngChunk('IEND', new Uint8Array(0)),
  ];
  return joined(parts);
}

/** The screen as a BMP file (24 bits, from the bottom up). */
export function screenBmp(scope: ScreenSource): Uint8Array {
  const pixels = drawScreen(scope);
  const file = new Uint8Array(54 + pixels.length);
  const view = new DataView(file.buffer);
  file.set([0x42, 0x4d]);
  view.setUint32(2, file.length, true);
  view.setUint32(10, 54, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, WIDTH, true);
  view.setInt32(22, HEIGHT, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const from = (y * WIDTH + x) * 3;
      const to = 54 + ((HEIGHT - 1 - y) * WIDTH + x) * 3;
      file.set([pixels[from + 2] ?? 0, pixels[from + 1] ?? 0, pixels[from] ?? 0], to);
    }
  }
  return file;
}

/** Length, type, data, CRC-32 of type and data (PNG 5.3). */
function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(12 + data.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  chunk.set(new TextEncoder().encode(type), 4);
  chunk.set(data, 8);
  view.setUint32(8 + data.length, crc32(chunk, 4, 8 + data.length));
  return chunk;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
