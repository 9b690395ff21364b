import { parseScpiBoolean, parseScpiNumber } from '../../../protocol/scpi-number.ts';
import type { Wire } from '../../session/session.ts';
import type { Waveform } from '../driver.ts';
import { isBoolean, isNumber } from '../scpi-dialog.ts';
import { parseSiglentDescriptor, type SiglentDescriptor } from './siglent-descriptor.ts';
import { stoppedReader } from './stopped-capture.ts';
import { type CodeLayout, type CodeScale, checkCount, scaleCodes, scaledColumn } from './waveform-codes.ts';
import type { WaveformContext, WaveformReader, WaveformSource } from './waveform-reader.ts';
import { checkSource, noWaveform } from './waveform-refusal.ts';

const BLOCK_TIMEOUT_MS = 20_000;

/** One source, ready to be read: every `every`th of `points`. */
interface Selected {
  descriptor: SiglentDescriptor;
  points: number;
  every: number;
  layout: CodeLayout;
}

/**
 * Waveforms of Siglent scopes with SCPI commands (SDS800X HD, SDS1000X HD, SDS2000X Plus and HD, SDS5000X, SDS6000, SDS7000): `:WAVeform:DATA?` in
 * parts of `:WAVeform:MAXPoint?`, scaled by the binary preamble. V = code / codes per division * V per division - offset, both times the probe's factor;
 * signed, two bytes where the converter has more than 8 bits. Memories deeper than `maxPoints` are read every so many points.
 * Parameters: `maxPoints`, `divisions`.
 */
export function createSiglentHdReader({ context, sources, parameters, readErrors }: WaveformContext): WaveformReader {
  const maxPoints = Number(parameters.maxPoints ?? 2_000_000);
  const divisions = Number(parameters.divisions ?? 10);

  const read = async (wire: Wire, wanted: readonly WaveformSource[]): Promise<Waveform> => {
    const waveform: Waveform = { columns: [], samples: [], xOriginS: 0, dtS: 0, t0Ns: context.clock.nowNs() };
    await readErrors(wire);
    const spanS = (await ask(wire, ':TIM:SCAL?')) * divisions;
    for (const { source, column } of wanted) {
      const selected = await select(wire, source);
      const { descriptor, every, layout } = selected;
      const scale: CodeScale = {
        zero: 0,
        gain: descriptor.voltsPerDivision / descriptor.codesPerDivision,
        base: -descriptor.offset,
      };
      waveform.samples.push(await readSamples(wire, source, selected, scale));
      waveform.columns.push(scaledColumn(column, scale, layout));
      waveform.xOriginS = descriptor.delayS - spanS / 2;
      waveform.dtS = descriptor.dtS * every;
    }
    return waveform;
  };

  async function select(wire: Wire, source: string): Promise<Selected> {
    const shown = (await wire.query(`:${source.replace(/^C/, 'CHAN')}:SWIT?`, undefined, isBoolean)).text;
    checkSource(source, parseScpiBoolean(shown), []);
    await wire.write(`:WAV:SOUR ${source}`);
    await wire.write(':WAV:STAR 0');
    await wire.write(':WAV:INT 1');
    await wire.write(':WAV:BYT LSB');
    const descriptor = parseSiglentDescriptor(await wire.queryBlock(':WAV:PRE?', BLOCK_TIMEOUT_MS));
    const width = descriptor.adcBits > 8 ? 2 : 1;
    await wire.write(`:WAV:WIDT ${width === 2 ? 'WORD' : 'BYTE'}`);
    const points = await ask(wire, ':ACQ:POIN?');
    const every = Math.max(1, Math.ceil(points / maxPoints));
    if (!(points > 0)) throw noWaveform(source, 'the scope has taken none');
    if (every > 1) await wire.write(`:WAV:INT ${every}`);
    // Before the data: a query whose settings failed is never answered.
    checkSource(source, true, await readErrors(wire));
    return { descriptor, points, every, layout: { width, isSigned: true, isBigEndian: false } };
  }

  return stoppedReader(
    { context, sources },
    {
      timeoutMs: BLOCK_TIMEOUT_MS,
      status: ':TRIG:STAT?',
      isStatus: (text) => /^[a-z']+$/i.test(text.trim()),
      isIdle: (status) => status === 'STOP',
      stop: ':TRIG:STOP',
      run: ':TRIG:RUN',
      read,
    },
  );
}

async function readSamples(
  wire: Wire,
  source: string,
  { points, every, layout }: Selected,
  scale: CodeScale,
): Promise<Float32Array<ArrayBuffer>> {
  const pieces = await ask(wire, ':WAV:MAXP?');
  const samples = new Float32Array(Math.ceil(points / every));
  for (let first = 0; first < samples.length; first += pieces) {
    const count = Math.min(pieces, samples.length - first);
    await wire.write(`:WAV:STAR ${first * every}`);
    await wire.write(`:WAV:POIN ${count}`);
    const codes = await wire.queryBlock(':WAV:DATA?', BLOCK_TIMEOUT_MS);
    checkCount(codes, layout.width, count, source);
    scaleCodes(codes, layout, scale, samples, first);
  }
  return samples;
}

async function ask(wire: Wire, query: string): Promise<number> {
  return parseScpiNumber((await wire.query(query, undefined, isNumber)).text) ?? Number.NaN;
}
