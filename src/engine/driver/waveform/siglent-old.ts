import { parseScpiBoolean, parseScpiNumber } from '../../../protocol/scpi-number.ts';
import type { Wire } from '../../session/session.ts';
import type { Waveform } from '../driver.ts';
import { isBoolean, isNumber, isWord } from '../scpi-dialog.ts';
import { stoppedReader } from './stopped-capture.ts';
import { type CodeLayout, type CodeScale, scaleCodes, scaledColumn } from './waveform-codes.ts';
import type { WaveformContext, WaveformReader, WaveformSource } from './waveform-reader.ts';
import { checkSource, noWaveform } from './waveform-refusal.ts';

const BLOCK_TIMEOUT_MS = 20_000;
const CODES: CodeLayout = { width: 1, isSigned: true, isBigEndian: false };
const CODES_PER_DIVISION = 25;

/**
 * Waveforms of Siglent scopes with LeCroy's commands (SDS1000X-E, SDS2000X): `Cn:WF? DAT2`, whose block comes behind a response header and with an LF
 * too many. V = code * VDIV / 25 - OFST; the memory spans the screen, from TRDL - divisions / 2 * TDIV on, SARA? samples a second.
 * Memories deeper than `maxPoints` are read every so many points. Parameters: `maxPoints`, `divisions`.
 */
export function createSiglentOldReader({ context, sources, parameters, readErrors }: WaveformContext): WaveformReader {
  const maxPoints = Number(parameters.maxPoints ?? 2_000_000);
  const divisions = Number(parameters.divisions ?? 14);

  const read = async (wire: Wire, wanted: readonly WaveformSource[]): Promise<Waveform> => {
    const waveform: Waveform = { columns: [], samples: [], xOriginS: 0, dtS: 0, t0Ns: context.clock.nowNs() };
    await readErrors(wire);
    const ask = async (query: string): Promise<number> =>
      parseScpiNumber((await wire.query(query, undefined, isNumber)).text) ?? Number.NaN;
    for (const { source, column } of wanted) {
      const shown = parseScpiBoolean((await wire.query(`${source}:TRA?`, undefined, isBoolean)).text);
      checkSource(source, shown, []);
      const every = Math.ceil((await ask(`SANU? ${source}`)) / maxPoints);
      await wire.write(`WFSU SP,${every > 1 ? every : 0},NP,0,FP,0`);
      const scale: CodeScale = {
        zero: 0,
        gain: (await ask(`${source}:VDIV?`)) / CODES_PER_DIVISION,
        base: -(await ask(`${source}:OFST?`)),
      };
      const rateHz = await ask('SARA?');
      waveform.xOriginS = (await ask('TRDL?')) - ((await ask('TDIV?')) * divisions) / 2;
      // Before the data: a query whose settings failed is never answered.
      checkSource(source, true, await readErrors(wire));
      const codes = await wire.queryBlock(`${source}:WF? DAT2`, BLOCK_TIMEOUT_MS, { hasPrefix: true });
      if (codes.length === 0 || !(rateHz > 0)) throw noWaveform(source, 'the scope has taken none');
      const samples = new Float32Array(codes.length);
      scaleCodes(codes, CODES, scale, samples);
      waveform.samples.push(samples);
      waveform.columns.push(scaledColumn(column, scale, CODES));
      waveform.dtS = Math.max(1, every) / rateHz;
    }
    return waveform;
  };

  return stoppedReader(
    { context, sources },
    {
      timeoutMs: BLOCK_TIMEOUT_MS,
      status: 'TRMD?',
      isStatus: isWord,
      // SINGLE waits for its shot: what it has taken before is read.
      isIdle: (mode) => mode === 'STOP' || mode === 'SINGLE',
      stop: 'STOP',
      run: (mode) => `TRMD ${mode}`,
      read,
    },
  );
}
