import type { Circuit, SinkMode } from '../circuit.ts';
import type { Random } from '../random.ts';
import { type Command, command, memory, query, setting, toggle } from '../scpi/command.ts';
import { ScpiInstrument } from '../scpi/instrument.ts';
import { boolean, choice, type Limits, optional } from '../scpi/parameter.ts';

type FunctionWord = 'CURRent' | 'VOLTage' | 'RESistance' | 'POWer';

/** SDL1000X Programming Guide: the four static modes of a SDL1020X-E (150 V, 30 A, 200 W) with their level limits. */
const MODES: Record<FunctionWord, { mode: SinkMode; unit: string; limits: Limits }> = {
  CURRent: { mode: 'CC', unit: 'A', limits: { min: 0, max: 30, def: 0 } },
  VOLTage: { mode: 'CV', unit: 'V', limits: { min: 0, max: 150, def: 150 } },
  RESistance: { mode: 'CR', unit: 'OHM', limits: { min: 0.03, max: 10_000, def: 10_000 } },
  POWer: { mode: 'CP', unit: 'W', limits: { min: 0, max: 200, def: 0 } },
};
const WORDS = Object.keys(MODES) as FunctionWord[];

/** Electronic load in the dialect of the Siglent SDL1020X-E, on the load node of the circuit. */
export function createSiglentSdl1020x(circuit: Circuit, random: Random): ScpiInstrument {
  const levels = new Map<FunctionWord, number>();
  let word: FunctionWord = 'CURRent';
  let shorted = false;
  let ranges = { current: 30, voltage: 150 };

  const senseWires = memory(false);

  const apply = (): void => {
    circuit.advance();
    const { mode } = MODES[word];
    circuit.sink.mode = shorted ? 'CR' : mode;
    circuit.sink.level = shorted ? 0.03 : (levels.get(word) ?? 0);
    circuit.sink.currentLimit = ranges.current * 1.05;
  };
  const reset = (): void => {
    circuit.sink.on = false;
    word = 'CURRent';
    shorted = false;
    ranges = { current: 30, voltage: 150 };
    for (const one of WORDS) levels.set(one, MODES[one].limits.def ?? 0);
    apply();
  };
  const reading = (value: number, noise: number): string => fixed6(Math.max(0, value + noise * random.gaussian()));
  const volts = () => circuit.advance().loadV;
  const amps = () => circuit.advance().loadA;

  const modeCommands = WORDS.flatMap((one): Command[] => [
    ...setting(`[SOURce:]${one}[:LEVel][:IMMediate]`, MODES[one].unit, fixed6, () => ({
      limits: MODES[one].limits,
      get: () => levels.get(one) ?? 0,
      set: (value) => {
        levels.set(one, value);
        apply();
      },
    })),
    // Two ranges each; the smaller that holds the value is taken.
    ...setting(`[SOURce:]${one}:IRANGe`, 'A', String, () => ({
      limits: { min: 0, max: 30, def: 30 },
      get: () => ranges.current,
      set: (value) => {
        ranges.current = value <= 5 ? 5 : 30;
        apply();
      },
    })),
    ...setting(`[SOURce:]${one}:VRANGe`, 'V', String, () => ({
      limits: { min: 0, max: 150, def: 150 },
      get: () => ranges.voltage,
      set: (value) => {
        ranges.voltage = value <= 36 ? 36 : 150;
      },
    })),
  ]);

  const commands: Command[] = [
    command('[SOURce:]FUNCtion', [choice(...WORDS)], ([value]) => {
      word = value;
      apply();
    }),
    query('[SOURce:]FUNCtion?', [], () => word.toUpperCase()),
    ...toggle('[SOURce:]INPut[:STATe]', ['0', '1'], () => ({
      get: () => circuit.sink.on,
      set: (on) => {
        circuit.advance();
        circuit.sink.on = on;
      },
    })),
    ...toggle('[SOURce:]SHORt[:STATe]', ['0', '1'], () => ({
      get: () => shorted,
      set: (on) => {
        shorted = on;
        apply();
      },
    })),
    ...modeCommands,
    query('MEASure:VOLTage[:DC]?', [], () => reading(volts(), 0.0002)),
    query('MEASure:CURRent[:DC]?', [], () => reading(amps(), 0.0002)),
    query('MEASure:POWer[:DC]?', [], () => reading(volts() * amps(), 0.0005)),
    query('MEASure:RESistance[:DC]?', [], () => (amps() > 0.001 ? reading(volts() / amps(), 0.0005) : '9.900000E+37')),
    command('SYSTem:REMote[:STATe]', [optional(boolean)], () => {}),
    command('SYSTem:LOCal', [], () => {}),
    ...toggle('SYSTem:SENSe[:STATe]', ['0', '1'], () => senseWires),
  ];

  reset();
  return new ScpiInstrument({
    identity: { maker: 'Siglent Technologies', model: 'SDL1020X-E', serial: 'SDL13GCX000001', firmware: '1.1.1.21R2' },
    commands,
    reset,
  });
}

function fixed6(value: number): string {
  return value.toFixed(6);
}
