import { LabError } from '../../../core/errors.ts';
import { parseScpiBoolean } from '../../../protocol/scpi-number.ts';
import type { Wire } from '../../session/session.ts';
import type { Waveform } from '../driver.ts';
import { isBoolean } from '../scpi-dialog.ts';
import { type Preamble, parsePreamble } from './preamble.ts';
import { stoppedReader } from './stopped-capture.ts';
import { type CodeLayout, type CodeScale, checkCount, scaleCodes, scaledColumn } from './waveform-codes.ts';
import type { WaveformContext, WaveformReader, WaveformSource } from './waveform-reader.ts';
import { checkSource } from './waveform-refusal.ts';

const BLOCK_TIMEOUT_MS = 10_000;

/** Parameters of the definition. */
interface Settings {
  /** Most points one :WAV:DATA? gives in BYTE format (DS1000Z programming guide: 250,000). */
  pointsPerRead: number;
  /** Deeper memories are captured as on the screen: a capture may not take minutes. */
  maxPoints: number;
  /** BYTE: 8 bit; WORD: 16 bit, the low byte first. */
  format: 'BYTE' | 'WORD';
}

/**
 * Waveforms of Rigol DS1000Z, MSO5000 and DHO scopes: `:WAV:MODE RAW` of a stopped scope, in parts. V = (code - yorigin - yreference) * yincrement.
 * Parameters: `pointsPerRead`, `maxPoints`, `format` (BYTE or WORD).
 */
export function createRigolReader({ context, sources, parameters, readErrors }: WaveformContext): WaveformReader {
  const settings: Settings = {
    pointsPerRead: Number(parameters.pointsPerRead ?? 250_000),
    maxPoints: Number(parameters.maxPoints ?? 2_000_000),
    format: parameters.format === 'WORD' ? 'WORD' : 'BYTE',
  };
  const read = async (wire: Wire, wanted: readonly WaveformSource[]): Promise<Waveform> => {
    const waveform: Waveform = { columns: [], samples: [], xOriginS: 0, dtS: 0, t0Ns: context.clock.nowNs() };
    await readErrors(wire);
    for (const { source, column } of wanted) {
      const preamble = await select(wire, source, settings);
      waveform.columns.push(scaledColumn(column, scaleOf(preamble), layoutOf(settings.format)));
      waveform.samples.push(await readSamples(wire, source, preamble, settings));
      waveform.xOriginS = preamble.xOrigin;
      waveform.dtS = preamble.xIncrement;
    }
    return waveform;
  };

  /** Whole memory of a stopped scope, if it is not too deep, else what the screen shows. */
  async function select(wire: Wire, source: string, { maxPoints, format }: Settings): Promise<Preamble> {
    for (const mode of ['RAW', 'NORM']) {
      await wire.write(`:WAV:SOUR ${source}`);
      await wire.write(`:WAV:MODE ${mode}`);
      await wire.write(`:WAV:FORM ${format}`);
      const shown = parseScpiBoolean((await wire.query(`:${source}:DISP?`, undefined, isBoolean)).text);
      // Before the data: a query whose settings failed is never answered.
      checkSource(source, shown, shown ? await readErrors(wire) : []);
      const preamble = parsePreamble((await wire.query(':WAV:PRE?')).text);
      if (preamble.points <= maxPoints) return preamble;
    }
    throw new LabError('protocol.malformed', `The waveform of ${source} has more than ${maxPoints} points on screen.`);
  }

  return stoppedReader(
    { context, sources },
    {
      timeoutMs: BLOCK_TIMEOUT_MS,
      status: ':TRIG:STAT?',
      isIdle: (status) => status === 'STOP' || status === 'WAIT',
      stop: ':STOP',
      run: ':RUN',
      read,
    },
  );
}

async function readSamples(
  wire: Wire,
  source: string,
  preamble: Preamble,
  { pointsPerRead, format }: Settings,
): Promise<Float32Array<ArrayBuffer>> {
  const samples = new Float32Array(preamble.points);
  const layout = layoutOf(format);
  for (let first = 0; first < preamble.points; first += pointsPerRead) {
    const last = Math.min(preamble.points, first + pointsPerRead);
    await wire.write(`:WAV:STAR ${first + 1}`);
    await wire.write(`:WAV:STOP ${last}`);
    const codes = await wire.queryBlock(':WAV:DATA?', BLOCK_TIMEOUT_MS);
    checkCount(codes, layout.width, last - first, source);
    scaleCodes(codes, layout, scaleOf(preamble), samples, first);
  }
  return samples;
}

function layoutOf(format: Settings['format']): CodeLayout {
  return { width: format === 'WORD' ? 2 : 1, isSigned: false, isBigEndian: false };
}

function scaleOf({ yIncrement, yOrigin, yReference }: Preamble): CodeScale {
  return { zero: yOrigin + yReference, gain: yIncrement, base: 0 };
}
