import type { Clock } from '../../core/clock.ts';
import type { Circuit } from '../circuit.ts';
import type { Random } from '../random.ts';
import { type ChannelSettings, digitize, type Frame, findTrigger, PROBES, type Slope } from '../scope-acquisition.ts';
import { type Command, command, field, memory, query, setting, toggle } from '../scpi/command.ts';
import { ScpiError } from '../scpi/error-queue.ts';
import { ScpiInstrument } from '../scpi/instrument.ts';
import { boolean, channel, choice, type Limits, optional } from '../scpi/parameter.ts';
import { frameItem, MEASURE_ITEMS } from './scope-measurement.ts';
import { screenBmp, screenPng } from './screen-picture.ts';

/** Ds1000Z: a screen is 12 divisions wide and 1200 points long; 25 codes a division, code 127 is the middle. */
const DIVISIONS = 12;
const SCREEN_POINTS = 1200;
const CODES_PER_DIVISION = 25;
const Y_REFERENCE = 127;
/** Most points one DATA? gives in BYTE format (programming guide, :WAVeform:DATA?). */
const MAX_POINTS_PER_READ = 250_000;
const SCALES: Limits = { min: 0.01, max: 100, def: 1 };
const TIMEBASES: Limits = { min: 5e-9, max: 1, def: 1e-6 };

/**
 * Four-channel oscilloscope in the dialect of the Rigol DS1054Z.
 *
 *            RUN, TFOR                level crossed, or AUTO
 *     STOP ─────────────▶ waiting ──────────────────────────▶ frame ─┐ SING: STOP
 *       ▲                    ▲                                        │
 *       └── :STOP            └──────────────── RUN ───────────────────┘
 */
export function createRigolDs1054z(circuit: Circuit, random: Random, clock: Clock): ScpiInstrument {
  let channels: ChannelSettings[] = [];
  let timebase = { scale: 1e-3, offset: 0 };
  let trigger = { source: 1, level: 0, slope: 'POSitive' as Slope, sweep: 'AUTO' as 'AUTO' | 'NORMal' | 'SINGle' };
  let running = true;
  let forced = false;
  let armedS = 0;
  let frame: Frame | undefined;
  let depth: number | 'AUTO' = 'AUTO';
  let wave = {
    source: 1,
    mode: 'NORMal' as 'NORMal' | 'MAXimum' | 'RAW',
    format: 'BYTE' as 'BYTE' | 'WORD' | 'ASCii',
    start: 1,
    stop: SCREEN_POINTS,
  };

  const reset = (): void => {
    channels = PROBES.map((_, index) => ({ on: index === 0, scale: 1, offset: 0, coupling: 'DC' }));
    timebase = { scale: 1e-3, offset: 0 };
    trigger = { source: 1, level: 0, slope: 'POSitive', sweep: 'AUTO' };
    wave = { source: 1, mode: 'NORMal', format: 'BYTE', start: 1, stop: SCREEN_POINTS };
    depth = 'AUTO';
    arm(true);
  };
  const nowS = (): number => clock.monotonicMs() / 1000;
  const spanS = (): number => timebase.scale * DIVISIONS;
  const at = (index: number | undefined): ChannelSettings => {
    const found = channels[(index ?? 1) - 1];
    if (!found) throw new ScpiError(-114);
    return found;
  };
  const memoryPoints = (): number => (depth === 'AUTO' ? 12_000 : depth);

  function arm(run: boolean): void {
    running = run;
    forced = false;
    armedS = nowS();
  }

  /** Brings the acquisition up to date: nothing happens between two looks that could not be worked out now. */
  function acquire(): void {
    if (!running) return;
    const beforeS = spanS() / 2 - timebase.offset;
    const afterS = spanS() - beforeS;
    circuit.advance();
    const latestS = circuit.knownS - afterS;
    const isFresh = frame !== undefined && frame.endS > armedS && nowS() - frame.endS < Math.max(spanS(), 0.03);
    if (isFresh && trigger.sweep !== 'SINGle') return;
    const probe = PROBES[trigger.source - 1];
    const fromS = trigger.sweep === 'SINGle' ? Math.max(armedS, latestS - 15) : latestS - Math.max(spanS(), 1e-3);
    let triggerS = probe && findTrigger(circuit, probe, trigger.level, trigger.slope, fromS, latestS);
    if (triggerS === undefined && (forced || trigger.sweep === 'AUTO')) triggerS = latestS;
    if (triggerS === undefined) return;
    take(triggerS, beforeS);
    forced = false;
    if (trigger.sweep === 'SINGle') running = false;
  }

  function take(triggerS: number, beforeS: number): void {
    const points = memoryPoints();
    const stepS = spanS() / points;
    const samples = new Map<number, Float64Array>();
    for (const [index, settings] of channels.entries()) {
      const probe = PROBES[index];
      if (!settings.on || !probe) continue;
      samples.set(index + 1, digitize(circuit, random, probe, settings.coupling, triggerS - beforeS, stepS, points));
    }
    frame = { stepS, startS: -beforeS, endS: triggerS - beforeS + spanS(), samples };
  }

  function status(): string {
    acquire();
    if (!running) return 'STOP';
    if (frame && frame.endS > armedS) return trigger.sweep === 'AUTO' ? 'AUTO' : 'TD';
    return 'WAIT';
  }

  /** What WAVeform gives of the source: every sample in RAW, else the screen's 1200. */
  function waveform(): { samples: Float64Array; stepS: number; startS: number; points: number } {
    acquire();
    const whole = frame?.samples.get(wave.source);
    if (!frame || !whole) throw new ScpiError(-230);
    const isRaw = wave.mode !== 'NORMal' && !running;
    const points = isRaw ? whole.length : Math.min(SCREEN_POINTS, whole.length);
    const stride = whole.length / points;
    const samples = new Float64Array(points);
    for (let i = 0; i < points; i++) samples[i] = whole[Math.floor(i * stride)] ?? 0;
    return { samples, stepS: frame.stepS * stride, startS: frame.startS, points };
  }

  function scaling(): { increment: number; origin: number } {
    const { scale, offset } = at(wave.source);
    const increment = scale / CODES_PER_DIVISION;
    return { increment, origin: Math.round(offset / increment) };
  }

  function preamble(): string {
    const { points, stepS, startS } = waveform();
    const { increment, origin } = scaling();
    const format = { BYTE: 0, WORD: 1, ASCii: 2 }[wave.format];
    const type = { NORMal: 0, MAXimum: 1, RAW: 2 }[wave.mode];
    const numbers = [
      stepS.toExponential(6),
      startS.toExponential(6),
      0,
      increment.toExponential(6),
      origin,
      Y_REFERENCE,
    ];
    return [format, type, points, 1, ...numbers].join(',');
  }

  function data(): Uint8Array {
    const { samples, points } = waveform();
    const { increment, origin } = scaling();
    const first = Math.min(wave.start, points) - 1;
    const last = Math.min(wave.stop, points, first + MAX_POINTS_PER_READ);
    const count = Math.max(0, last - first);
    if (wave.format === 'ASCii') {
      const text = Array.from(samples.subarray(first, last), (value) => value.toExponential(6)).join(',');
      return block(new TextEncoder().encode(text));
    }
    const width = wave.format === 'WORD' ? 2 : 1;
    const bytes = new Uint8Array(count * width);
    for (let i = 0; i < count; i++) {
      const code = Math.round((samples[first + i] ?? 0) / increment) + origin + Y_REFERENCE;
      bytes[i * width] = Math.min(255, Math.max(0, code));
    }
    return block(bytes);
  }

  const ch = channel(4, 'CHANnel');
  const coupling = choice('DC', 'AC', 'GND');
  const bandwidth = memory(false);
  const attenuation = memory(1);
  const plain = (value: number): string => value.toExponential(6);

  const commands: Command[] = [
    command('RUN', [], () => arm(true)),
    command('STOP', [], () => {
      acquire();
      running = false;
    }),
    command('SINGle', [], () => {
      trigger.sweep = 'SINGle';
      arm(true);
    }),
    command('TFORce', [], () => {
      if (!running) arm(true);
      forced = true;
    }),
    command('CLEar', [], () => {
      frame = undefined;
    }),
    command('AUToscale', [], () => arm(true)),

    ...toggle('CHANnel#:DISPlay', ['0', '1'], ([index]) => ({
      get: () => at(index).on,
      set: (on) => {
        at(index).on = on;
        frame = running ? undefined : frame;
      },
    })),
    ...setting('CHANnel#:SCALe', 'V', plain, ([index]) => field(at(index), 'scale', SCALES)),
    ...setting('CHANnel#:OFFSet', 'V', plain, ([index]) => field(at(index), 'offset', { min: -100, max: 100, def: 0 })),
    command('CHANnel#:COUPling', [coupling], ([value], [index]) => {
      at(index).coupling = value;
    }),
    query('CHANnel#:COUPling?', [], (_, [index]) => at(index).coupling),
    ...toggle('CHANnel#:BWLimit', ['OFF', '20M'], () => bandwidth),
    ...setting('CHANnel#:PROBe', '', plain, () => ({ limits: { min: 0.01, max: 1000, def: 1 }, ...attenuation })),
    query('CHANnel#:UNITs?', [], () => 'VOLT'),

    ...setting('TIMebase[:MAIN]:SCALe', 'S', plain, () => field(timebase, 'scale', TIMEBASES)),
    ...setting('TIMebase[:MAIN]:OFFSet', 'S', plain, () => field(timebase, 'offset', { min: -10, max: 10, def: 0 })),
    command('TIMebase:MODE', [choice('MAIN')], () => {}),
    query('TIMebase:MODE?', [], () => 'MAIN'),

    query('TRIGger:STATus?', [], status),
    command('TRIGger:MODE', [choice('EDGE')], () => {}),
    query('TRIGger:MODE?', [], () => 'EDGE'),
    command('TRIGger:SWEep', [choice('AUTO', 'NORMal', 'SINGle')], ([sweep]) => {
      trigger.sweep = sweep;
      if (sweep === 'SINGle') arm(true);
    }),
    query('TRIGger:SWEep?', [], () => short(trigger.sweep)),
    command('TRIGger:EDGe:SOURce', [ch], ([source]) => {
      trigger.source = source;
    }),
    query('TRIGger:EDGe:SOURce?', [], () => `CHAN${trigger.source}`),
    command('TRIGger:EDGe:SLOPe', [choice('POSitive', 'NEGative', 'RFALl')], ([slope]) => {
      trigger.slope = slope;
    }),
    query('TRIGger:EDGe:SLOPe?', [], () => short(trigger.slope)),
    ...setting('TRIGger:EDGe:LEVel', 'V', plain, () => field(trigger, 'level', { min: -400, max: 400, def: 0 })),

    query('ACQuire:SRATe?', [], () => plain(memoryPoints() / spanS())),
    command('ACQuire:MDEPth', [choice('AUTO', ...DEPTHS)], ([wanted]) => {
      depth = wanted === 'AUTO' ? 'AUTO' : Number(wanted);
    }),
    query('ACQuire:MDEPth?', [], () => String(depth)),

    command('WAVeform:SOURce', [ch], ([source]) => {
      wave.source = source;
    }),
    query('WAVeform:SOURce?', [], () => `CHAN${wave.source}`),
    command('WAVeform:MODE', [choice('NORMal', 'MAXimum', 'RAW')], ([mode]) => {
      wave.mode = mode;
    }),
    query('WAVeform:MODE?', [], () => short(wave.mode)),
    command('WAVeform:FORMat', [choice('BYTE', 'WORD', 'ASCii')], ([format]) => {
      wave.format = format;
    }),
    query('WAVeform:FORMat?', [], () => short(wave.format)),
    ...setting('WAVeform:STARt', '', String, () => field(wave, 'start', POINTS)),
    ...setting('WAVeform:STOP', '', String, () => field(wave, 'stop', POINTS)),
    query('WAVeform:PREamble?', [], preamble),
    query('WAVeform:DATA?', [optional(ch)], ([source]) => {
      wave.source = source ?? wave.source;
      return data();
    }),

    query('MEASure:ITEM?', [choice(...MEASURE_ITEMS), optional(ch)], ([item, source]) => {
      acquire();
      const samples = frame?.samples.get(source ?? wave.source);
      return plain(frame && samples ? frameItem(item, samples, frame.stepS) : 9.9e37);
    }),
    // Colour and inversion are taken and make no difference here.
    query('DISPlay:DATA?', [optional(boolean), optional(boolean), optional(choice('BMP24', 'PNG'))], ([, , format]) => {
      acquire();
      const screen = { frame: () => frame, channel: (n: number) => channels[n - 1] };
      return block(format === 'PNG' ? screenPng(screen) : screenBmp(screen));
    }),
    query('SYSTem:GAM?', [], () => String(DIVISIONS)),
    query('SYSTem:RAM?', [], () => '4'),
  ];

  reset();
  return new ScpiInstrument({
    identity: { maker: 'RIGOL TECHNOLOGIES', model: 'DS1054Z', serial: 'DS1ZA000000001', firmware: '00.04.04.SP4' },
    commands,
    reset,
  });
}

const DEPTHS = ['12000', '120000', '1200000'] as const;
const POINTS: Limits = { min: 1, max: 1_200_000, def: 1 };

/** IEEE 488.2 8.7.9 with nine digits, as the DS1000Z sends it. */
function block(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(11 + bytes.length);
  framed.set(new TextEncoder().encode(`#9${String(bytes.length).padStart(9, '0')}`));
  framed.set(bytes, 11);
  return framed;
}

/** `NORMal` → `NORM`: how the dialect answers words. */
function short(word: string): string {
  return word.replace(/[a-z]/g, '');
}
