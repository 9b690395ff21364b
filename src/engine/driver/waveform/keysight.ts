import { LabError } from '../../../core/errors.ts';
import { parseScpiBoolean } from '../../../protocol/scpi-number.ts';
import type { Wire } from '../../session/session.ts';
import type { Waveform } from '../driver.ts';
import { isBoolean, isNumber, isWord } from '../scpi-dialog.ts';
import { type Preamble, parsePreamble } from './preamble.ts';
import { stoppedReader } from './stopped-capture.ts';
import { type CodeLayout, checkCount, scaleCodes, scaledColumn } from './waveform-codes.ts';
import type { WaveformContext, WaveformReader, WaveformSource } from './waveform-reader.ts';
import { checkSource } from './waveform-refusal.ts';

const BLOCK_TIMEOUT_MS = 20_000;
/** Longest acquisition waited for: an automatic sweep triggers by itself after it. */
const DIGITIZE_TIMEOUT_MS = 30_000;
/** :OPERegister:CONDition? bit 3: running. */
const RUN_BIT = 8;
const WORDS: CodeLayout = { width: 2, isSigned: false, isBigEndian: false };

/**
 * Waveforms of Keysight InfiniiVision scopes. Of a running scope `:DIGitize` takes one acquisition of all sources and stops; where it waits for triggers
 * (normal sweep) that could last for ever, so it is stopped and the last acquisition is read. V = (code - yreference) * yincrement + yorigin.
 * Parameters: `maxPoints`.
 */
export function createKeysightReader({ context, sources, parameters, readErrors }: WaveformContext): WaveformReader {
  const maxPoints = Number(parameters.maxPoints ?? 2_000_000);

  const read = async (wire: Wire, wanted: readonly WaveformSource[]): Promise<Waveform> => {
    const waveform: Waveform = { columns: [], samples: [], xOriginS: 0, dtS: 0, t0Ns: context.clock.nowNs() };
    await readErrors(wire);
    for (const { source, column } of wanted) {
      const preamble = await select(wire, source);
      const codes = await wire.queryBlock(':WAV:DATA?', BLOCK_TIMEOUT_MS);
      checkCount(codes, WORDS.width, preamble.points, source);
      const samples = new Float32Array(preamble.points);
      const scale = { zero: preamble.yReference, gain: preamble.yIncrement, base: preamble.yOrigin };
      scaleCodes(codes, WORDS, scale, samples);
      waveform.columns.push(scaledColumn(column, scale, WORDS));
      waveform.samples.push(samples);
      waveform.xOriginS = preamble.xOrigin;
      waveform.dtS = preamble.xIncrement;
    }
    return waveform;
  };

  /** The whole record of a stopped scope, or as many points of it as may be. */
  async function select(wire: Wire, source: string): Promise<Preamble> {
    await wire.write(`:WAV:SOUR ${source}`);
    await wire.write(':WAV:FORM WORD');
    await wire.write(':WAV:BYT LSBF');
    await wire.write(':WAV:UNS ON');
    await wire.write(':WAV:POIN:MODE RAW');
    const shown = parseScpiBoolean((await wire.query(`:${source}:DISP?`, undefined, isBoolean)).text);
    // Before the data: a query whose settings failed is never answered.
    checkSource(source, shown, shown ? await readErrors(wire) : []);
    const most = parsePreamble((await wire.query(':WAV:PRE?')).text);
    if (most.points <= maxPoints) return most;
    await wire.write(`:WAV:POIN ${maxPoints}`);
    const fewer = parsePreamble((await wire.query(':WAV:PRE?')).text);
    if (fewer.points <= maxPoints) return fewer;
    throw new LabError('protocol.malformed', `The waveform of ${source} has more than ${maxPoints} points.`);
  }

  return stoppedReader(
    { context, sources },
    {
      timeoutMs: BLOCK_TIMEOUT_MS,
      status: ':OPER:COND?',
      isStatus: isNumber,
      isIdle: (status) => (Number(status) & RUN_BIT) === 0,
      stop: digitize,
      run: ':RUN',
      read,
    },
  );
}

async function digitize(wire: Wire, wanted: readonly WaveformSource[]): Promise<void> {
  const { text } = await wire.query(':TRIG:SWE?', undefined, isWord);
  if (text.trim().toUpperCase() !== 'AUTO') return wire.write(':STOP');
  await wire.write(`:DIG ${wanted.map(({ source }) => source).join(',')}`);
  await wire.query('*OPC?', DIGITIZE_TIMEOUT_MS, isNumber);
}
