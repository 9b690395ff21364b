import { parseScpiBoolean, parseScpiNumber } from '../../../protocol/scpi-number.ts';
import type { Wire } from '../../session/session.ts';
import type { Waveform } from '../driver.ts';
import { isBoolean, isNumber } from '../scpi-dialog.ts';
import { captureStopped } from './stopped-capture.ts';
import { type CodeLayout, type CodeScale, checkCount, scaleCodes, scaledColumn } from './waveform-codes.ts';
import type { WaveformContext, WaveformReader, WaveformSource } from './waveform-reader.ts';
import { checkSource, noWaveform } from './waveform-refusal.ts';

const BLOCK_TIMEOUT_MS = 20_000;
const CODES: CodeLayout = { width: 2, isSigned: true, isBigEndian: true };

/** Longest record read: a gigabyte would hold the wire for minutes. */
const MOST_POINTS = 62_500_000;

/** What WFMOutpre says of one source; s and V. */
interface Outgoing {
  points: number;
  /** Every so many of them are kept. */
  every: number;
  dtS: number;
  xOriginS: number;
  scale: CodeScale;
}

/**
 * Waveforms of Tektronix 2, 4, 5 and 6 Series MSO: `CURVe?` in RIBinary of two bytes (signed, the high byte first), in parts.
 * V = (code - YOFf) * YMUlt + YZEro, t = XZEro + i * XINcr. The scope cannot thin a record out: of one of more than `maxPoints` every so many samples are
 * kept. Parameters: `pointsPerRead`, `maxPoints`.
 */
export function createTektronixReader({ context, sources, parameters, readErrors }: WaveformContext): WaveformReader {
  const pointsPerRead = Number(parameters.pointsPerRead ?? 1_000_000);
  const maxPoints = Number(parameters.maxPoints ?? 2_000_000);

  const read = async (wire: Wire, wanted: readonly WaveformSource[]): Promise<Waveform> => {
    const waveform: Waveform = { columns: [], samples: [], xOriginS: 0, dtS: 0, t0Ns: context.clock.nowNs() };
    await readErrors(wire);
    for (const { source, column } of wanted) {
      const outgoing = await select(wire, source);
      waveform.samples.push(await readSamples(wire, source, outgoing));
      waveform.columns.push(scaledColumn(column, outgoing.scale, CODES));
      waveform.xOriginS = outgoing.xOriginS;
      waveform.dtS = outgoing.dtS * outgoing.every;
    }
    return waveform;
  };

  async function select(wire: Wire, source: string): Promise<Outgoing> {
    await wire.write(`DATa:SOUrce ${source}`);
    await wire.write('DATa:ENCdg RIBinary');
    await wire.write('WFMOutpre:BYT_Nr 2');
    await wire.write('DATa:STARt 1');
    await wire.write(`DATa:STOP ${MOST_POINTS + 1}`);
    const shown = parseScpiBoolean((await wire.query(`DISplay:GLObal:${source}:STATE?`, undefined, isBoolean)).text);
    // Before the data: of a source that is off CURVe? is never answered.
    checkSource(source, shown, shown ? await readErrors(wire) : []);
    const ask = async (header: string): Promise<number> =>
      parseScpiNumber((await wire.query(`WFMOutpre:${header}?`, undefined, isNumber)).text) ?? Number.NaN;
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
      const codes = await wire.queryBlock('CURVe?', BLOCK_TIMEOUT_MS);
      checkCount(codes, CODES.width, last - first, source);
      scaleCodes(codes, CODES, scale, part);
      for (; kept * every < last; kept++) samples[kept] = part[kept * every - first] ?? 0;
    }
    return samples;
  }

  return {
    columns: sources.map(({ column }) => column),
    capture: (names, signal) =>
      captureStopped({
        context,
        sources,
        names,
        signal,
        timeoutMs: BLOCK_TIMEOUT_MS,
        status: 'ACQuire:STATE?',
        isStatus: isBoolean,
        isIdle: (status) => parseScpiBoolean(status) === false,
        stop: 'ACQuire:STATE STOP',
        run: 'ACQuire:STATE RUN',
        read,
      }),
  };
}
