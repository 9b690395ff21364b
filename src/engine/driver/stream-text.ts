import { fromScpiNumber } from '../../core/units.ts';
import { TextLineDecoder } from '../../protocol/text-line-decoder.ts';
import type { OpenReader } from './stream-reader.ts';

/** In text a device says overload and missing as SCPI does: 9.9E37, 9.91E37. The decoder itself stays bit-equal to `Number()`. */
function markOverloads(column: Float64Array, rows: number): void {
  for (let row = 0; row < rows; row++) {
    const value = column[row] as number;
    if (value >= 9e37 || value <= -9e37) column[row] = fromScpiNumber(value);
  }
}

/** A run in lines of numbers (docs/protocols/daq.md). `#lost n` counts rows the device dropped, `#end n` closes with how many it made. */
export const openTextReader: OpenReader = (setup, onRows) => {
  let hasEnded = false;
  let arrived = 0n;
  let seen = 0;
  let lost = 0;
  const hand = (columns: Float64Array[], rows: number): void => {
    for (const column of columns) markOverloads(column, rows);
    onRows({ columns, rows, lost, arrivedNs: arrived });
    seen += rows + lost;
    lost = 0;
  };
  const decoder = new TextLineDecoder({
    columns: setup.columns.length,
    // The run starts with our command, so its first line is whole.
    dropsFirst: false,
    sink: {
      rows: hand,
      marked(text) {
        const [word, number] = text.split(' ');
        const count = Number(number);
        if (!Number.isSafeInteger(count) || count < 0) return;
        if (word === 'lost') lost += count;
        if (word !== 'end') return;
        hasEnded = true;
        lost = Math.max(lost, count - seen);
        if (lost > 0)
          hand(
            setup.columns.map(() => new Float64Array(0)),
            0,
          );
      },
    },
  });
  return {
    float64: true,
    get hasEnded() {
      return hasEnded;
    },
    get malformed() {
      return decoder.malformed;
    },
    push(bytes, arrivedNs) {
      arrived = arrivedNs;
      decoder.push(bytes);
    },
  };
};
