import { parseScpiBoolean, parseScpiNumber } from '../../../protocol/scpi-number.ts';
import type { Wire } from '../../session/session.ts';
import type { Waveform } from '../driver.ts';
import { isBoolean, isNumber } from '../scpi-dialog.ts';
import { stoppedReader } from './stopped-capture.ts';
import { type CodeLayout, type CodeScale, checkCount, scaleCodes, scaledColumn } from './waveform-codes.ts';
import type { WaveformContext, WaveformReader, WaveformSource } from './waveform-reader.ts';
import { checkSource, noWaveform } from './waveform-refusal.ts';

const BLOCK_TIMEOUT_MS = 20_000;

/** Longest record read: a gigabyte would hold the wire for minutes. */
const MOST_POINTS = 62_500_000;

/** What the preamble says of one source; s and V. */
interface Outgoing {
  points: number;
  /** Every so many of them are kept. */
  every: number;
  dtS: number;
  xOriginS: number;
  scale: CodeScale;
}

/**
 * Waveforms of Tektronix scopes: `CURVe?` in RIBinary (signed, the high byte first), in parts. V = (code - YOFf) * YMUlt + YZEro, t = XZEro + i * XINcr.
 * The scope cannot thin a record out: of one of more than `maxPoints` every so many samples are kept.
 *
 * Parameters: `pointsPerRead`, `maxPoints`; and what differs by series: `preamble` (WFMOutpre, or WFMPre of the older), `shown` (question whether
 * `{source}` is displayed), `width` (bytes of a code; 1 where the scope only fills the second with zeros), `record` (last point of a record: a number,
 * or the question for it where a number beyond the end is a complaint).
 */
export function createTektronixReader({ context, sources, parameters, readErrors }: WaveformContext): WaveformReader {
  const pointsPerRead = Number(parameters.pointsPerRead ?? 1_000_000);
  const maxPoints = Number(parameters.maxPoints ?? 2_000_000);
  const header = String(parameters.preamble ?? 'WFMOutpre');
  const shownAsk = String(parameters.shown ?? 'DISplay:GLObal:{source}:STATE?');
  const { record = MOST_POINTS + 1 } = parameters;
  const codes: CodeLayout = { width: parameters.width === 1 ? 1 : 2, isSigned: true, isBigEndian: true };

  const read = async (wire: Wire, wanted: readonly WaveformSource[]): Promise<Waveform> => {
    const waveform: Waveform = { columns: [], samples: [], xOriginS: 0, dtS: 0, t0Ns: context.clock.nowNs() };
    await readErrors(wire);
    for (const { source, column } of wanted) {
      const outgoing = await select(wire, source);
      waveform.samples.push(await readSamples(wire, source, outgoing));
      waveform.columns.push(scaledColumn(column, outgoing.scale, codes));
      waveform.xOriginS = outgoing.xOriginS;
      waveform.dtS = outgoing.dtS * outgoing.every;
    }
    return waveform;
  };

  async function select(wire: Wire, source: string): Promise<Outgoing> {
    await wire.write(`DATa:SOUrce ${source}`);
    await wire.write('DATa:ENCdg RIBinary');
    await wire.write(`DATa:WIDth ${codes.width}`);
    await wire.write('DATa:STARt 1');
    await wire.write(`DATa:STOP ${typeof record === 'string' ? await number(wire, record) : record}`);
    const shown = (await wire.query(shownAsk.replaceAll('{source}', source), undefined, isBoolean)).text;
    const isShown = parseScpiBoolean(shown);
    // Before the data: of a source that is off CURVe? is never answered.
    checkSource(source, isShown, isShown ? await readErrors(wire) : []);
    const ask = (name: string): Promise<number> => number(wire, `${header}:${name}?`);
    const points = await ask('NR_Pt');
    const outgoing = {
      points,
      every: Math.max(1, Math.ceil(points / maxPoints)),
      dtS: await ask('XINcr'),
      xOriginS: await ask('XZEro'),
      scale: { gain: await ask('YMUlt'), zero: await ask('YOFf'), base: await ask('YZEro') },
    };
    if (!(outgoing.points > 0) || !(outgoing.dtS > 0)) throw noWaveform(source, 'the scope has taken none');
    if (points > MOST_POINTS)
      throw noWaveform(source, `its record has more than the ${MOST_POINTS} points that are read; set a shorter one`);
    return outgoing;
  }

  async function readSamples(
    wire: Wire,
    source: string,
    { points, every, scale }: Outgoing,
  ): Promise<Float32Array<ArrayBuffer>> {
    const samples = new Float32Array(Math.ceil(points / every));
    const part = new Float32Array(Math.min(points, pointsPerRead));
    let kept = 0;
    for (let first = 0; first < points; first += pointsPerRead) {
      const last = Math.min(points, first + pointsPerRead);
      await wire.write(`DATa:STARt ${first + 1}`);
      await wire.write(`DATa:STOP ${last}`);
      const block = await wire.queryBlock('CURVe?', BLOCK_TIMEOUT_MS);
      checkCount(block, codes.width, last - first, source);
      scaleCodes(block, codes, scale, part);
      for (; kept * every < last; kept++) samples[kept] = part[kept * every - first] ?? 0;
    }
    return samples;
  }

  return stoppedReader(
    { context, sources },
    {
      timeoutMs: BLOCK_TIMEOUT_MS,
      status: 'ACQuire:STATE?',
      isStatus: isBoolean,
      isIdle: (status) => parseScpiBoolean(status) === false,
      stop: 'ACQuire:STATE STOP',
      run: 'ACQuire:STATE RUN',
      read,
    },
  );
}

async function number(wire: Wire, query: string): Promise<number> {
  return parseScpiNumber((await wire.query(query, undefined, isNumber)).text) ?? Number.NaN;
}
