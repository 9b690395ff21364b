import { LabError } from '../../../core/errors.ts';
import { parseScpiNumbers } from '../../../protocol/scpi-number.ts';

/** The ten fields of `:WAV:PRE?` as Rigol and Keysight scopes give them; s and V. What they mean for the voltage differs by maker. */
export interface Preamble {
  points: number;
  xIncrement: number;
  xOrigin: number;
  yIncrement: number;
  yOrigin: number;
  yReference: number;
}

/** Ten fields: format, type, points, count, xinc, xorig, xref, yinc, yorig, yref. Throws `protocol.malformed`. */
export function parsePreamble(text: string): Preamble {
  const fields = parseScpiNumbers(text);
  const [, , points, , xIncrement, xOrigin, xReference, yIncrement, yOrigin, yReference] = fields;
  const isWhole = fields.length === 10 && fields.every((field) => field !== undefined && Number.isFinite(field));
  if (!isWhole || !points || !xIncrement || !yIncrement) {
    throw new LabError('protocol.malformed', `'${text.slice(0, 80)}' is no waveform preamble; nothing was captured.`);
  }
  return {
    points,
    xIncrement,
    xOrigin: (xOrigin ?? 0) - (xReference ?? 0) * xIncrement,
    yIncrement,
    yOrigin: yOrigin ?? 0,
    yReference: yReference ?? 0,
  };
}
