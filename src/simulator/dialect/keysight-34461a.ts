import { type Clock, delay } from '../../core/clock.ts';
import type { Circuit } from '../circuit.ts';
import type { Random } from '../random.ts';
import { type Command, command, memory, query, setting, toggle } from '../scpi/command.ts';
import { ScpiError } from '../scpi/error-queue.ts';
import { ScpiInstrument } from '../scpi/instrument.ts';
import { choice, number, optional, type Quantity, string } from '../scpi/parameter.ts';
import { METER_FUNCTIONS, type MeterFunction, rangeParameter } from './meter-function.ts';

/** SCPI-99 7.2.1.4: what a reading beyond its range is. */
const OVERLOAD = 9.9e37;
const LINE_HZ = 50;
/** Aperture in power line cycles, Keysight 34460A/34461A guide, SENSe:VOLTage:DC:NPLC. */
const NPLC = [0.02, 0.2, 1, 10, 100];
const TEN_AMPS = [10] as const;
const MAX_READINGS = 10_000;

interface FunctionState {
  /** V, A, Ohm, Hz; 0 while ranging by itself. */
  range: number;
  auto: boolean;
  nplc: number;
  /** Of a current: through those of 10 A, which have one range. */
  isThroughTen: boolean;
}

/** Who it says it is: members of the family that speak the same dialect. */
const IDENTITIES = {
  '34461A': {
    maker: 'Keysight Technologies',
    model: '34461A',
    serial: 'MY00000001',
    firmware: 'A.03.03-03.15-03.03-00.52-05-02',
  },
  '34465A': {
    maker: 'Keysight Technologies',
    model: '34465A',
    serial: 'MY00000002',
    firmware: 'A.03.03-03.15-03.03-00.52-04-02',
  },
  // It has no serial number to tell (34401A guide, *IDN?).
  '34401A': { maker: 'HEWLETT-PACKARD', model: '34401A', serial: '0', firmware: '11-5-2' },
} as const;

/**
 * 6½-digit multimeter in the dialect of the Keysight 34461A. Its volt terminals are on the load node, its ampere terminals in the
 * supply's lead, and the resistance functions see the DUT (which must be free of voltage, as on a real bench).
 */
export function createKeysight34461a(
  circuit: Circuit,
  random: Random,
  clock: Clock,
  model: keyof typeof IDENTITIES = '34461A',
): ScpiInstrument {
  const states = new Map<MeterFunction, FunctionState>();
  let selected: MeterFunction = METER_FUNCTIONS[0];
  let samples = 1;
  let triggers = 1;
  let triggerSource = 'IMM';
  let autozero = true;
  let held: number[] = [];
  let running: Promise<void> | undefined;
  let pendingTrigger: (() => void) | undefined;

  const state = (f: MeterFunction): FunctionState => {
    let found = states.get(f);
    if (!found) {
      found = { range: 0, auto: true, nplc: 10, isThroughTen: false };
      states.set(f, found);
    }
    return found;
  };
  const rangesOf = (f: MeterFunction): readonly number[] => (state(f).isThroughTen ? TEN_AMPS : f.ranges);
  const reset = (): void => {
    states.clear();
    [selected] = METER_FUNCTIONS;
    samples = 1;
    triggers = 1;
    triggerSource = 'IMM';
    autozero = true;
    held = [];
  };

  /** One reading takes the aperture, twice with autozero; the value is the mean of its start and its end. */
  async function measureOnce(): Promise<number> {
    const f = selected;
    const { nplc } = state(f);
    const before = f.measure(circuit.advance());
    await delay(clock, f.isIntegrating ? ((autozero ? 2 : 1) * nplc * 1000) / LINE_HZ : 20);
    return digitize(f, (before + f.measure(circuit.advance())) / 2);
  }

  function digitize(f: MeterFunction, value: number): number {
    const { auto, range, nplc } = state(f);
    const used = auto ? smallest(f, value) : range;
    if (!Number.isFinite(value) || Math.abs(value) > used * 1.2) return value < 0 ? -OVERLOAD : OVERLOAD;
    const noise = (f.noisePpm * 1e-6 * used) / Math.sqrt(Math.max(nplc, 0.02));
    const digit = used * 1e-6 * 0.1;
    return Math.round((value + noise * random.gaussian()) / digit) * digit;
  }

  /** The smallest range that shows the value; the largest, if none does. */
  function smallest(f: MeterFunction, value: number): number {
    const ranges = rangesOf(f);
    return ranges.find((one) => Math.abs(value) <= one * 1.2) ?? ranges.at(-1) ?? 1;
  }

  async function takeReadings(): Promise<void> {
    held = [];
    for (let trigger = 0; trigger < triggers; trigger++) {
      if (triggerSource === 'BUS') {
        await new Promise<void>((resolve) => {
          pendingTrigger = resolve;
        });
      }
      for (let sample = 0; sample < samples && held.length < MAX_READINGS; sample++) held.push(await measureOnce());
    }
  }

  function initiate(): void {
    if (running) throw new ScpiError(-213);
    running = takeReadings().finally(() => {
      running = undefined;
    });
  }

  async function read(): Promise<string> {
    // READ? with a bus trigger can never finish: nobody could send it (34461A guide, READ?).
    if (triggerSource === 'BUS') throw new ScpiError(-214);
    initiate();
    await running;
    return held.map(nr3).join(',');
  }

  function configure(f: MeterFunction, range: Quantity | 'AUTO' | undefined): void {
    selected = f;
    samples = 1;
    triggers = 1;
    triggerSource = 'IMM';
    setRange(f, range ?? 'AUTO');
  }

  /** The smallest range that holds the value; AUTO and DEF range by themselves. */
  function setRange(f: MeterFunction, range: Quantity | 'AUTO'): void {
    const one = state(f);
    const ranges = rangesOf(f);
    const [least = 1] = ranges;
    const largest = ranges.at(-1) ?? 1;
    one.auto = range === 'AUTO' || range === 'DEF';
    if (one.auto) return;
    const wanted = range === 'MIN' ? least : range === 'MAX' ? largest : Math.abs(Number(range));
    const found = ranges.find((candidate) => wanted <= candidate * 1.0001);
    if (found === undefined) throw new ScpiError(-222);
    one.range = found;
  }

  const currentRange = (f: MeterFunction): number => {
    const one = state(f);
    if (!one.auto) return one.range;
    const value = f.measure(circuit.advance());
    return smallest(f, value);
  };

  /** Truevolt guide, CURRent:TERMinals: other terminals range by themselves at first. */
  const terminals = (f: MeterFunction): Command[] => [
    command(`[SENSe:]${f.header}:TERMinals`, [choice('3', '10')], ([wanted]) => {
      state(f).isThroughTen = wanted === '10';
      state(f).auto = true;
    }),
    query(`[SENSe:]${f.header}:TERMinals?`, [], () => (state(f).isThroughTen ? '10' : '3')),
  ];

  const rows = METER_FUNCTIONS.flatMap((f): Command[] => {
    const range = rangeParameter(f.unit);
    return [
      command(`CONFigure:${f.header}`, [optional(range), optional(number(f.unit))], ([wanted]) => configure(f, wanted)),
      query(`MEASure:${f.header}?`, [optional(range), optional(number(f.unit))], ([wanted]) => {
        configure(f, wanted);
        return read();
      }),
      command(`[SENSe:]${f.header}:RANGe[:UPPer]`, [number(f.unit)], ([wanted]) => setRange(f, wanted)),
      query(`[SENSe:]${f.header}:RANGe[:UPPer]?`, [optional(number(f.unit))], ([wanted]) => {
        if (wanted === 'MIN') return nr3(rangesOf(f)[0] ?? 0);
        if (wanted === 'MAX') return nr3(rangesOf(f).at(-1) ?? 0);
        return nr3(currentRange(f));
      }),
      ...toggle(`[SENSe:]${f.header}:RANGe:AUTO`, ['0', '1'], () => ({
        get: () => state(f).auto,
        set: (auto) => {
          state(f).range = currentRange(f);
          state(f).auto = auto;
        },
      })),
      ...(f.unit === 'A' ? terminals(f) : []),
      ...(f.isIntegrating
        ? setting(`[SENSe:]${f.header}:NPLC`, '', nr3, () => ({
            limits: { min: 0.02, max: 100, def: 10 },
            get: () => state(f).nplc,
            set: (value) => {
              state(f).nplc = NPLC.find((one) => value <= one * 1.0001) ?? 100;
            },
          }))
        : []),
    ];
  });

  const impedance = memory(false);
  const zero = {
    get: () => autozero,
    set: (on: boolean) => {
      autozero = on;
    },
  };

  const commands: Command[] = [
    ...rows,
    command('[SENSe:]FUNCtion[:ON]', [string], ([name]) => {
      const upper = name.toUpperCase();
      const found = METER_FUNCTIONS.find((f) => f.names.includes(upper));
      if (!found) throw new ScpiError(-224);
      selected = found;
    }),
    query('[SENSe:]FUNCtion[:ON]?', [], () => `"${selected.names[0]}"`),
    query('CONFigure?', [], () => {
      const range = currentRange(selected);
      return `"${selected.names[0]} ${nr3(range)},${nr3(range * 1e-6)}"`;
    }),
    query('READ?', [], read),
    command('INITiate[:IMMediate]', [], initiate),
    query('FETCh?', [], async () => {
      await running;
      if (held.length === 0) throw new ScpiError(-230);
      return held.map(nr3).join(',');
    }),
    query('DATA:POINts?', [], () => String(held.length)),
    command('ABORt', [], () => pendingTrigger?.()),
    command('*TRG', [], () => {
      if (!pendingTrigger) throw new ScpiError(-211);
      pendingTrigger();
      pendingTrigger = undefined;
    }),
    ...setting('SAMPle:COUNt', '', String, () => ({
      limits: { min: 1, max: MAX_READINGS, def: 1 },
      get: () => samples,
      set: (value) => {
        samples = Math.round(value);
      },
    })),
    ...setting('TRIGger:COUNt', '', String, () => ({
      limits: { min: 1, max: MAX_READINGS, def: 1 },
      get: () => triggers,
      set: (value) => {
        triggers = Math.round(value);
      },
    })),
    command('TRIGger:SOURce', [choice('IMMediate', 'BUS')], ([source]) => {
      triggerSource = source === 'BUS' ? 'BUS' : 'IMM';
    }),
    query('TRIGger:SOURce?', [], () => triggerSource),
    ...toggle('[SENSe:]VOLTage[:DC]:ZERO:AUTO', ['0', '1'], () => zero),
    ...toggle('[SENSe:]CURRent[:DC]:ZERO:AUTO', ['0', '1'], () => zero),
    ...toggle('[SENSe:]VOLTage[:DC]:IMPedance:AUTO', ['0', '1'], () => impedance),
    query('ROUTe:TERMinals?', [], () => 'FRON'),
    command('SYSTem:REMote', [], () => {}),
    command('SYSTem:LOCal', [], () => {}),
    command('SYSTem:BEEPer[:IMMediate]', [], () => {}),
  ];

  return new ScpiInstrument({
    identity: IDENTITIES[model],
    commands,
    reset,
    noError: '+0',
    idle: async () => running,
  });
}

/** `+1.23456789E+00`: the reading format of the 3446x, always two digits of exponent. */
export function nr3(value: number): string {
  const [mantissa = '0', exponent = '+0'] = value.toExponential(8).split('e');
  const digits = exponent.slice(1).padStart(2, '0');
  return `${value < 0 ? '' : '+'}${mantissa}E${exponent[0]}${digits}`;
}
