import type { CapturedWaveform } from './captured-waveform.ts';
import { shortestFloat } from './sample-lines.ts';

/** Rows of one piece of text: a file is written in pieces, a terminal is not flooded line by line. */
const ROWS = 2_000;

/** `time (s),ch1.waveform (V)` and a line for each sample; time from the trigger. A sample that is none is an empty cell, overload is inf. */
export function* waveformCsv(waveform: CapturedWaveform): Generator<string> {
  const { channels, rows } = waveform;
  yield `${['time (s)', ...channels.map(({ name, unit }) => (unit === '' ? name : `${name} (${unit})`))].join(',')}\n`;
  for (let from = 0; from < rows; from += ROWS) {
    let text = '';
    for (let row = from; row < Math.min(rows, from + ROWS); row++) {
      text += timeText(waveform, row);
      for (const { values } of channels) text += `,${cell(values[row] ?? Number.NaN, values instanceof Float32Array)}`;
      text += '\n';
    }
    yield text;
  }
}

/** Time of a sample from the trigger: as many digits as its step has, and no dust of doubles. */
function timeText({ xOriginS, dtS }: CapturedWaveform, row: number): string {
  return String(Number((xOriginS + row * dtS).toPrecision(12)));
}

function cell(value: number, isFloat32: boolean): string {
  if (Number.isNaN(value)) return '';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return String(isFloat32 ? shortestFloat(value) : value);
}
