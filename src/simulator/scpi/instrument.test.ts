import { expect, test } from 'vitest';
import { type Command, command, memory, query, setting, toggle } from './command.ts';
import { ScpiInstrument } from './instrument.ts';
import { channel, choice, optional, string } from './parameter.ts';

function create() {
  const volts = [0, 0, 0];
  const output = memory(false);
  const word = memory('');
  let finish: () => void = () => {};
  let idle: Promise<void> | undefined;
  const commands: Command[] = [
    ...setting('SOURce#:VOLTage[:LEVel][:IMMediate]', 'V', String, ([index]) => ({
      limits: { min: 0, max: 30, def: 5 },
      get: () => volts[(index ?? 1) - 1] ?? Number.NaN,
      set: (value) => {
        volts[(index ?? 1) - 1] = value;
      },
    })),
    ...toggle('OUTPut[:STATe]', ['OFF', 'ON'], () => output, channel(3, 'CH')),
    command('DISPlay:TEXT', [string], ([text]) => word.set(text)),
    query('DISPlay:TEXT?', [], () => word.get()),
    command('FUNCtion', [choice('VOLTage', 'CURRent')], ([name]) => word.set(name)),
    query('MEASure:CURRent?', [optional(channel(3, 'CH'))], ([index]) => `I${index ?? 0}`),
    query('WAVeform:DATA?', [], () => new TextEncoder().encode('#3003a\nb')),
    command('INITiate', [], () => {
      idle = new Promise((resolve) => {
        finish = resolve;
      });
    }),
  ];
  const instrument = new ScpiInstrument({
    identity: { maker: 'A', model: 'B', serial: 'C', firmware: 'D' },
    commands,
    reset: () => volts.fill(0),
    idle: async () => idle,
  });
  const ask = async (message: string): Promise<string> =>
    (await instrument.execute(message))
      .map((reply) => (typeof reply === 'string' ? reply : new TextDecoder().decode(reply)))
      .join('|');
  return { instrument, ask, volts, finish: () => finish() };
}

test.each([
  ['SOUR2:VOLT 3;:SOUR2:VOLT?', '3'],
  [':source2:voltage:level:immediate 3;:SOUR2:VOLT:LEV?', '3'],
  ['SOUR:VOLT 4;:SOUR1:VOLT?', '4'],
  ['SOUR2:VOLT 250mV;VOLT?', '0.25'],
  ['SOUR2:VOLT 2.5 V;VOLT?', '2.5'],
  ['SOUR2:VOLT 1e1;VOLT?', '10'],
  ['SOUR2:VOLT MAX;VOLT?', '30'],
  ['SOUR2:VOLT DEF;VOLT?', '5'],
  ['SOUR2:VOLT? MAX;VOLT? MINimum', '30|0'],
  ['OUTP ON;OUTP?', 'ON'],
  ['OUTP CH2,1;:OUTP? CH2', 'ON'],
  ['OUTP:STAT 0;STAT?', 'OFF'],
  ['MEAS:CURR?;CURR? CH2', 'I0|I2'],
  ['SOUR2:VOLT 1;*IDN?;VOLT?', 'A,B,C,D|1'],
  ['DISP:TEXT "a;b,""c""";TEXT?', 'a;b,"c"'],
  ["DISP:TEXT 'it';TEXT?", 'it'],
  ['FUNC VOLT;:DISP:TEXT?', 'VOLTage'],
  ['FUNC current;:DISP:TEXT?', 'CURRent'],
  ['WAV:DATA?', '#3003a\nb'],
  [' ;; *IDN? ;', 'A,B,C,D'],
])('%s → %s', async (message, reply) => {
  const { ask, instrument } = create();
  expect(await ask(message)).toBe(reply);
  expect(instrument.errors.size).toBe(0);
});

test.each([
  ['FOO', -113],
  ['SOUR2', -113],
  ['SOUR2:VOLT:FOO 1', -113],
  ['OUTP2 ON', -113],
  ['MEAS:CURR CH1', -113],
  ['SOUR0:VOLT 1', -114],
  ['SOUR2:VOLT', -109],
  ['SOUR2:VOLT 1,2', -108],
  ['SOUR2:VOLT 31', -222],
  ['SOUR2:VOLT 1A', -131],
  ['*ESE 1V', -138],
  ['SOUR2:VOLT abc', -104],
  ['SOUR2:VOLT 1.2.3', -120],
  ['OUTP CH9,ON', -224],
  ['OUTP maybe', -104],
  ['FUNC FOO', -224],
  ['DISP:TEXT "open', -151],
  ['DISP:TEXT bare', -104],
  ['!', -102],
  ['SOUR2:VOLT1', -113],
])('%s → error %i, nothing set', async (message, code) => {
  const { ask, instrument, volts } = create();
  expect(await ask(message)).toBe('');
  expect(await ask('SYST:ERR?')).toMatch(new RegExp(`^${code},"`));
  expect(instrument.errors.size).toBe(0);
  expect(volts).toEqual([0, 0, 0]);
});

test('an error ends its unit, not the message', async () => {
  const { ask } = create();
  expect(await ask('FOO;*IDN?;SOUR1:VOLT 99;VOLT?')).toBe('A,B,C,D|0');
  expect(await ask('SYST:ERR?;ERR:NEXT?;:SYST:ERR?')).toBe(
    '-113,"Undefined header"|-222,"Data out of range"|0,"No error"',
  );
});

test('the path rule: relative to the last header, absolute with a colon, common commands do not move it', async () => {
  const { ask } = create();
  expect(await ask('SOUR2:VOLT 1;VOLT:LEV?;*STB?;IMM?')).toBe('1|0|1');
  expect(await ask('SOUR2:VOLT 1;OUTP?')).toBe('');
  expect(await ask('SYST:ERR?')).toBe('-113,"Undefined header"');
  expect(await ask('SOUR2:VOLT 1;:OUTP?')).toBe('OFF');
});

test('a full queue says -350 and keeps the oldest', async () => {
  const { ask } = create();
  for (let i = 0; i < 30; i++) await ask('FOO');
  expect(await ask('SYST:ERR:COUN?')).toBe('20');
  for (let i = 0; i < 19; i++) expect(await ask('SYST:ERR?')).toBe('-113,"Undefined header"');
  expect(await ask('SYST:ERR?')).toBe('-350,"Queue overflow"');
  expect(await ask('SYST:ERR?')).toBe('0,"No error"');
});

test('status: ESR by error class, masks, summary bits, *CLS', async () => {
  const { ask } = create();
  expect(await ask('*ESR?')).toBe('128');
  await ask('FOO;SOUR1:VOLT 99');
  expect(await ask('*ESR?')).toBe(String(32 + 16));
  expect(await ask('*ESR?')).toBe('0');
  await ask('*ESE 32;*SRE 32;FOO');
  expect(await ask('*STB?')).toBe(String(4 + 32 + 64));
  await ask('*CLS');
  expect(await ask('*STB?;*ESE?;*SRE?')).toBe('0|32|32');
  expect(await ask('*ESE 256;:SYST:ERR?')).toBe('-222,"Data out of range"');
});

test('*OPC? waits for what runs, *OPC sets its bit then', async () => {
  const { ask, finish } = create();
  await ask('*CLS;INIT');
  let done = false;
  const waiting = ask('*OPC?').then((reply) => {
    done = true;
    return reply;
  });
  await ask('*OPC');
  expect(await ask('*ESR?')).toBe('0');
  expect(done).toBe(false);
  finish();
  expect(await waiting).toBe('1');
  expect(await ask('*ESR?')).toBe('1');
});

test('a table with two headers of one short form is refused', () => {
  const commands = [query('STATe?', [], () => '')];
  const identity = { maker: '', model: '', serial: '', firmware: '' };
  expect(() => new ScpiInstrument({ identity, commands, reset: () => {} })).toThrow(/ambiguous/);
});

test('random lines never throw and always leave it answering', async () => {
  const { ask } = create();
  const alphabet = 'SOURVLT:;?,* "\'#12eE+-.CHN()\t';
  let seed = 3;
  for (let round = 0; round < 3000; round++) {
    let line = '';
    for (let i = 0; i < round % 40; i++) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      line += alphabet[(seed >>> 8) % alphabet.length];
    }
    await ask(line);
  }
  expect(await ask('*IDN?')).toBe('A,B,C,D');
});
