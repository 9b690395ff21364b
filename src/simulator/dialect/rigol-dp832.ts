import type { Circuit } from '../circuit.ts';
import type { Random } from '../random.ts';
import { type Command, command, memory, type NumberSetting, query, setting, toggle } from '../scpi/command.ts';
import { ScpiError } from '../scpi/error-queue.ts';
import { ScpiInstrument } from '../scpi/instrument.ts';
import { boolean, channel, choice, number, optional, within } from '../scpi/parameter.ts';
import { type OutputRating, type Protection, resistiveTerminals, SupplyOutput } from '../supply-output.ts';

/** DP800 Programming Guide: ranges of a DP832 (three outputs) with the margin its setpoints allow. */
const BIG: OutputRating = { maxVolts: 32, maxAmps: 3.2, maxOvp: 33, maxOcp: 3.3 };
const SMALL: OutputRating = { maxVolts: 5.3, maxAmps: 3.2, maxOvp: 5.5, maxOcp: 3.3 };
const LEVEL = '[:LEVel][:IMMediate][:AMPLitude]';
const NAMES = ['30V/3A', '30V/3A', '5V/3A'];

/** Three-output supply in the dialect of the Rigol DP832. CH1 feeds the circuit, CH2 a 100 Ohm and CH3 a 47 Ohm resistor. */
export function createRigolDp832(circuit: Circuit, random: Random): ScpiInstrument {
  const outputs = createOutputs(circuit);
  let selected = 1;
  const output = (index: number | undefined): SupplyOutput => {
    const found = outputs[(index ?? selected) - 1];
    if (!found) throw new ScpiError(-114);
    return found;
  };
  const ch = channel(3, 'CH');
  const reading = (value: number, digits: number, noise: number): string =>
    (value === 0 ? 0 : value + noise * random.gaussian()).toFixed(digits);
  const volts = (index?: number) => reading(output(index).measure().volts, 4, 0.0004);
  const amps = (index?: number) => reading(output(index).measure().amps, 4, 0.0002);
  const watts = (index?: number) => {
    const measured = output(index).measure();
    return reading(measured.volts * measured.amps, 3, 0.001);
  };
  const beeper = memory(true);

  const voltage = (o: SupplyOutput): NumberSetting => ({
    limits: { min: 0, max: o.rating.maxVolts, def: 0 },
    get: () => o.volts,
    set: (value) => {
      o.volts = milli(value);
    },
  });
  const current = (o: SupplyOutput): NumberSetting => ({
    limits: { min: 0, max: o.rating.maxAmps, def: 1 },
    get: () => o.ampLimit,
    set: (value) => {
      o.ampLimit = milli(value);
    },
  });
  const level = (guard: Protection, max: number): NumberSetting => ({
    limits: { min: 0.001, max, def: max },
    get: () => guard.level,
    set: (value) => {
      guard.level = milli(value);
    },
  });
  const enabled = (guard: Protection) => ({
    get: () => guard.enabled,
    set: (on: boolean) => {
      guard.enabled = on;
    },
  });
  const ovp = (index?: number) => output(index).ovp;
  const ocp = (index?: number) => output(index).ocp;
  const tripped = (guard: (index?: number) => Protection, index?: number): string => {
    output(index).measure();
    return guard(index).tripped ? 'YES' : 'NO';
  };

  /** One protection by both its names: `OUTPut:OVP… CHn` and `SOURce<n>:VOLTage:PROTection…`. */
  const protection = (
    short: string,
    long: string,
    unit: string,
    guard: (index?: number) => Protection,
    max: (o: SupplyOutput) => number,
  ): Command[] => {
    const out = `OUTPut:${short}`;
    const source = `SOURce#:${long}:PROTection`;
    return [
      ...toggle(`${out}[:STATe]`, ['OFF', 'ON'], (_, index) => enabled(guard(index)), ch),
      ...setting(`${out}:VALue`, unit, fixed3, (_, index) => level(guard(index), max(output(index))), ch),
      query(`${out}:QUES?`, [optional(ch)], ([index]) => tripped(guard, index)),
      query(`${out}:ALAR?`, [optional(ch)], ([index]) => tripped(guard, index)),
      command(`${out}:CLEar`, [optional(ch)], ([index]) => {
        guard(index).tripped = false;
      }),
      ...toggle(`${source}:STATe`, ['OFF', 'ON'], ([index]) => enabled(guard(index))),
      ...setting(`${source}[:LEVel]`, unit, fixed3, ([index]) => level(guard(index), max(output(index)))),
      query(`${source}:TRIPped?`, [], (_, [index]) => tripped(guard, index)),
      command(`${source}:CLEar`, [], (_, [index]) => {
        guard(index).tripped = false;
      }),
    ];
  };

  const commands: Command[] = [
    command('INSTrument[:SELect]', [ch], ([index]) => {
      selected = index;
    }),
    query('INSTrument[:SELect]?', [], () => `CH${selected}`),
    ...setting('INSTrument:NSELect', '', String, () => ({
      limits: { min: 1, max: 3 },
      get: () => selected,
      set: (index) => {
        selected = Math.round(index);
      },
    })),
    command('APPLy', [optional(ch), number('V'), optional(number('A'))], ([index, volt, amp]) => {
      const target = output(index);
      // Both are checked before either is set: a refused APPLy changes nothing.
      const newVolts = within(volt, voltage(target).limits);
      if (amp !== undefined) current(target).set(within(amp, current(target).limits));
      voltage(target).set(newVolts);
      selected = index ?? selected;
    }),
    query('APPLy?', [optional(ch), optional(choice('VOLTage', 'CURRent'))], ([index, what]) => {
      const { volts: setVolts, ampLimit } = output(index);
      if (what === 'VOLTage') return fixed3(setVolts);
      if (what === 'CURRent') return fixed3(ampLimit);
      const which = index ?? selected;
      return `CH${which}:${NAMES[which - 1]},${fixed3(setVolts)},${fixed3(ampLimit)}`;
    }),

    // SOUR1:VOLT names its output; VOLT alone means the selected one.
    ...['SOURce#:', ''].flatMap((prefix) => [
      ...setting(`${prefix}VOLTage${LEVEL}`, 'V', fixed3, ([index]) => voltage(output(index))),
      ...setting(`${prefix}CURRent${LEVEL}`, 'A', fixed3, ([index]) => current(output(index))),
    ]),

    query('MEASure[:VOLTage][:DC]?', [optional(ch)], ([index]) => volts(index)),
    query('MEASure:CURRent[:DC]?', [optional(ch)], ([index]) => amps(index)),
    query('MEASure:POWEr[:DC]?', [optional(ch)], ([index]) => watts(index)),
    query('MEASure:ALL[:DC]?', [optional(ch)], ([index]) => [volts(index), amps(index), watts(index)].join(',')),

    ...toggle(
      'OUTPut[:STATe]',
      ['OFF', 'ON'],
      (_, index) => ({
        get: () => {
          output(index).measure();
          return output(index).on;
        },
        set: (on) => {
          if (!output(index).switch(on)) throw new ScpiError(-221);
        },
      }),
      ch,
    ),
    query('OUTPut:CVCC?', [optional(ch)], ([index]) => output(index).mode()),
    query('OUTPut:MODE?', [optional(ch)], ([index]) => output(index).mode()),
    ...protection('OVP', 'VOLTage', 'V', ovp, (o) => o.rating.maxOvp),
    ...protection('OCP', 'CURRent', 'A', ocp, (o) => o.rating.maxOcp),

    command('SYSTem:REMote', [], () => {}),
    command('SYSTem:LOCal', [], () => {}),
    command('SYSTem:RWLock', [optional(boolean)], () => {}),
    command('SYSTem:BEEPer:IMMediate', [], () => {}),
    ...toggle('SYSTem:BEEPer[:STATe]', ['OFF', 'ON'], () => beeper),
  ];

  return new ScpiInstrument({
    identity: { maker: 'RIGOL TECHNOLOGIES', model: 'DP832', serial: 'DP8C000000001', firmware: '00.01.16' },
    commands,
    reset: () => {
      for (const one of outputs) one.reset();
      selected = 1;
    },
    refresh: (status) => {
      // Questionable: bit 0 OVP, bit 1 OCP of any output.
      let condition = 0;
      for (const one of outputs) {
        one.measure();
        condition |= (one.ovp.tripped ? 1 : 0) | (one.ocp.tripped ? 2 : 0);
      }
      status.questionable.update(condition);
    },
  });
}

function createOutputs(circuit: Circuit): SupplyOutput[] {
  const first = new SupplyOutput(BIG, circuit.source, () => {
    const state = circuit.advance();
    return { volts: state.supplyV, amps: state.supplyA };
  });
  circuit.protection = (state) => first.trip({ volts: state.supplyV, amps: state.supplyA });
  const free = (rating: OutputRating, ohm: number): SupplyOutput => {
    const source = { voltage: 0, currentLimit: 1, on: false };
    return new SupplyOutput(rating, source, () => resistiveTerminals(source, ohm));
  };
  return [first, free(BIG, 100), free(SMALL, 47)];
}

function fixed3(value: number): string {
  return value.toFixed(3);
}

/** 1 mV and 1 mA: the setpoint resolution of the DP832. */
function milli(value: number): number {
  return Math.round(value * 1000) / 1000;
}
