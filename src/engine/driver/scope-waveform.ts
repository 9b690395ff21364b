import { LabError } from '../../core/errors.ts';
import { parseScpiNumbers } from '../../protocol/scpi-number.ts';

/** What `:WAV:PRE?` of a Rigol DS1000Z says; s and V. DS1000Z programming guide, :WAVeform:PREamble?. */
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

/** Codes to volts, V = (code - yorigin - yreference) * yincrement, into `samples` from `offset` on. */
export function scaleCodes(codes: Uint8Array, preamble: Preamble, samples: Float32Array, offset: number): void {
  const { yIncrement, yOrigin, yReference } = preamble;
  const zero = yOrigin + yReference;
  const count = Math.min(codes.length, samples.length - offset);
  for (let index = 0; index < count; index++) samples[offset + index] = ((codes[index] ?? 0) - zero) * yIncrement;
}
