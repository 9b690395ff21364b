import { inflateSync, crc32 as zlibCrc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { Circuit } from '../circuit.ts';
import { Random } from '../random.ts';
import type { ScpiInstrument } from '../scpi/instrument.ts';
import { createKeysight34461a } from './keysight-34461a.ts';
import { createRigolDp832 } from './rigol-dp832.ts';
import { createRigolDs1054z } from './rigol-ds1054z.ts';
import { createSiglentSdl1020x } from './siglent-sdl1020x.ts';

function createBench() {
  const clock = new ManualClock();
  const circuit = new Circuit(clock);
  const asker = (instrument: ScpiInstrument) => async (message: string) => {
    const replies = await instrument.execute(message);
    return replies
      .map((reply) => (typeof reply === 'string' ? reply : new TextDecoder('latin1').decode(reply)))
      .join(';');
  };
  const scope = createRigolDs1054z(circuit, new Random(3), clock);
  return {
    clock,
    circuit,
    supply: asker(createRigolDp832(circuit, new Random(1))),
    meter: asker(createKeysight34461a(circuit, new Random(2), clock)),
    scope: asker(scope),
    scopeBytes: async (message: string) => (await scope.execute(message))[0] as Uint8Array,
    load: asker(createSiglentSdl1020x(circuit, new Random(4))),
  };
}

test('supply: CV, CC, readings, limits', async () => {
  const { supply, load, clock } = createBench();
  await supply(':APPL CH1,5,1;:OUTP CH1,ON');
  await clock.advance(3000);
  expect(await supply(':OUTP? CH1;:OUTP:MODE? CH1')).toBe('ON;CV');
  const [volts = '', amps = '', watts = ''] = (await supply(':MEAS:ALL? CH1')).split(',');
  expect(Number(volts)).toBeCloseTo(5, 2);
  expect(Number(amps)).toBeCloseTo(0.0489, 2);
  expect(Number(watts)).toBeCloseTo(0.245, 2);
  await load('CURR 2;:INP ON');
  await clock.advance(3000);
  expect(await supply(':OUTP:CVCC? CH1')).toBe('CC');
  expect(Number(await supply(':MEAS:CURR? CH1'))).toBeCloseTo(1, 2);
  expect(await supply(':SOUR1:VOLT? MAX;:SOUR3:VOLT? MAX;:SOUR1:CURR?')).toBe('32.000;5.300;1.000');
  expect(await supply(':INST:NSEL 2;:VOLT 12;:SOUR2:VOLT?;:APPL?;:SYST:ERR?')).toBe(
    '12.000;CH2:30V/3A,12.000,1.000;0,"No error"',
  );
});

test('supply: OVP trips, latches, and must be cleared', async () => {
  const { supply, clock } = createBench();
  await supply(':OUTP:OVP:VAL CH1,4;:OUTP:OVP CH1,ON;:APPL CH1,5,1;:OUTP CH1,ON');
  await clock.advance(2000);
  expect(await supply(':OUTP? CH1;:OUTP:OVP:QUES? CH1;:MEAS:VOLT? CH1;:STAT:QUES:COND?')).toBe('OFF;YES;0.0000;1');
  expect(await supply(':OUTP CH1,ON;:SYST:ERR?')).toBe('-221,"Settings conflict"');
  expect(await supply(':SOUR1:VOLT 3;:OUTP:OVP:CLE CH1;:OUTP CH1,ON;:OUTP? CH1;:OUTP:OVP:QUES? CH1')).toBe('ON;NO');
});

test('scope: a picture of its screen, PNG or BMP, with the trace in it', async () => {
  const { scope, scopeBytes, supply, clock } = createBench();
  await supply(':APPL CH1,3,1;:OUTP CH1,ON');
  await clock.advance(3000);
  const lines = (png: Uint8Array): Buffer => {
    const file = Buffer.from(png.subarray(11));
    expect(file.subarray(1, 4).toString()).toBe('PNG');
    const data: Buffer[] = [];
    for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
      const end = at + 8 + file.readUInt32BE(at);
      expect(file.readUInt32BE(end)).toBe(zlibCrc32(file.subarray(at + 4, end)));
      if (file.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(file.subarray(at + 8, end));
    }
    return inflateSync(Buffer.concat(data));
  };
  const png = await scopeBytes(':DISP:DATA? ON,OFF,PNG');
  expect(Buffer.from(png.subarray(0, 11)).toString()).toBe(`#9${String(png.length - 11).padStart(9, '0')}`);
  const before = lines(png);
  await scope(':CHAN1:SCAL 0.5');
  const after = lines(await scopeBytes(':DISP:DATA? ON,OFF,PNG'));
  // The trace of channel 1 is yellow; at half the scale it stands elsewhere.
  const yellow = (pixels: Buffer): number[] =>
    Array.from({ length: 192 }, (_, y) => y).filter((y) => pixels.readUIntBE(y * 961 + 1 + 100 * 3, 3) === 0xffe000);
  expect(yellow(before)).toHaveLength(1);
  expect(yellow(after)).not.toEqual(yellow(before));
  const bmp = Buffer.from((await scopeBytes(':DISP:DATA?')).subarray(11));
  expect([bmp.toString('latin1', 0, 2), bmp.readUInt32LE(2), bmp.readInt32LE(18)]).toEqual(['BM', bmp.length, 320]);
  expect(await scope(':DISP:DATA? ON,OFF,TIFF;:SYST:ERR?')).toContain('-224');
});

test('supply: OCP trips on the inrush', async () => {
  const { supply, clock } = createBench();
  await supply(':SOUR1:CURR:PROT 0.5;PROT:STAT ON;:APPL CH1,5,3;:OUTP CH1,ON');
  await clock.advance(100);
  expect(await supply(':OUTP? CH1;:OUTP:OCP:QUES? CH1;:SOUR1:CURR:PROT:TRIP?')).toBe('OFF;YES;YES');
});

test('meter: a reading takes its aperture, twice with autozero', async () => {
  const { meter, supply, clock } = createBench();
  await supply(':APPL CH1,5,1;:OUTP CH1,ON');
  await clock.advance(5000);
  let reply: string | undefined;
  void meter('CONF:VOLT:DC 10;:VOLT:NPLC 10;:READ?').then((text) => {
    reply = text;
  });
  await clock.advance(399);
  expect(reply).toBeUndefined();
  await clock.advance(1);
  expect(reply).toMatch(/^\+4\.\d{8}E\+00$/);
  const fast = meter('VOLT:ZERO:AUTO 0;:VOLT:NPLC 0.02;:READ?');
  await clock.advance(1);
  expect(Number(await fast)).toBeCloseTo(4.89, 1);
});

test('meter: overload, ranges, configuration', async () => {
  const { meter, supply, clock } = createBench();
  await supply(':APPL CH1,5,1;:OUTP CH1,ON');
  await clock.advance(5000);
  const over = meter('CONF:VOLT:DC 1;:READ?');
  await clock.advance(1000);
  expect(await over).toBe('+9.90000000E+37');
  expect(await meter('VOLT:RANG:AUTO?;:VOLT:RANG?')).toBe('0;+1.00000000E+00');
  expect(await meter('VOLT:RANG:AUTO ON;AUTO?;:VOLT:RANG?')).toBe('1;+1.00000000E+01');
  expect(await meter('FUNC "RES";FUNC?;:CONF?')).toMatch(/^"RES";"RES \+/);
  const ohms = meter('READ?');
  await clock.advance(1000);
  expect(await ohms).toBe('+9.90000000E+37');
  expect(await meter('FUNC "FOO";:SYST:ERR?;:SYST:ERR?')).toBe('-224,"Illegal parameter value";+0,"No error"');
});

test('meter: INIT, FETC?, several readings, bus trigger', async () => {
  const { meter, clock } = createBench();
  await meter('VOLT:NPLC 0.02;:SAMP:COUN 3;:INIT');
  const fetched = meter('FETC?');
  await clock.advance(100);
  expect((await fetched).split(',')).toHaveLength(3);
  await meter('SAMP:COUN 1;:TRIG:SOUR BUS;:INIT');
  await clock.advance(100);
  expect(await meter('INIT;:SYST:ERR?')).toBe('-213,"Init ignored"');
  await meter('*TRG');
  const one = meter('FETC?');
  await clock.advance(100);
  expect((await one).split(',')).toHaveLength(1);
  expect(await meter('READ?;:SYST:ERR?')).toBe('-214,"Trigger deadlock"');
});

test('load: modes, levels, input', async () => {
  const { load, supply, clock } = createBench();
  await supply(':APPL CH1,10,3;:OUTP CH1,ON');
  await load('FUNC RES;:RES 20;:INP 1');
  await clock.advance(3000);
  expect(await load('FUNC?;:INP?;:RES?')).toBe('RESISTANCE;1;20.000000');
  expect(Number(await load('MEAS:RES?'))).toBeCloseTo(20, 1);
  expect(Number(await load('MEAS:VOLT?')) / Number(await load('MEAS:CURR?'))).toBeCloseTo(20, 0);
  expect(await load(':SOUR:CURR:LEV:IMM 99;:SYST:ERR?;:CURR? MAX')).toBe('-222,"Data out of range";30.000000');
});

test('scope: waveform and preamble give the volts', async () => {
  const { scope, scopeBytes, supply, clock } = createBench();
  await supply(':APPL CH1,5,1;:OUTP CH1,ON');
  await clock.advance(5000);
  await scope(':CHAN1:SCAL 1;OFFS -4;:TIM:SCAL 1e-3;:STOP;:WAV:SOUR CHAN1;MODE NORM;FORM BYTE;STAR 1;STOP 1200');
  const pre = (await scope(':WAV:PRE?')).split(',').map(Number);
  expect(pre.slice(0, 4)).toEqual([0, 0, 1200, 1]);
  expect(pre[4]).toBeCloseTo(1e-5, 12);
  const [yIncrement = 0, yOrigin = 0, yReference = 0] = pre.slice(7);
  const block = await scopeBytes(':WAV:DATA?');
  expect(new TextDecoder().decode(block.subarray(0, 11))).toBe('#9000001200');
  expect(block.length).toBe(1211);
  const volts = [...block.subarray(11)].map((code) => (code - yOrigin - yReference) * yIncrement);
  const mean = volts.reduce((sum, value) => sum + value, 0) / volts.length;
  expect(mean).toBeCloseTo(4.89, 1);
  expect(await scope(':TRIG:STAT?')).toBe('STOP');
  expect(Number(await scope(':MEAS:ITEM? VAVG,CHAN1'))).toBeCloseTo(mean, 1);
});

test('scope: RAW has the whole memory, only when stopped', async () => {
  const { scope, scopeBytes } = createBench();
  await scope(':WAV:MODE RAW;STAR 1;STOP 12000;:STOP');
  expect((await scope(':WAV:PRE?')).split(',')[2]).toBe('12000');
  expect((await scopeBytes(':WAV:DATA?')).length).toBe(12_011);
  await scope(':WAV:STAR 11001');
  expect((await scopeBytes(':WAV:DATA?')).length).toBe(1011);
});

test('scope: a single shot catches the supply switching on', async () => {
  const { scope, supply, clock } = createBench();
  await scope(':TRIG:EDG:SOUR CHAN1;LEV 2;SLOP POS;:TIM:SCAL 0.02;:SING');
  await clock.advance(1000);
  expect(await scope(':TRIG:STAT?')).toBe('WAIT');
  await supply(':APPL CH1,5,1;:OUTP CH1,ON');
  await clock.advance(1000);
  expect(await scope(':TRIG:STAT?')).toBe('STOP');
  const volts = (await scope(':CHAN1:OFFS -2;:WAV:FORM ASC;DATA?')).slice(11).split(',').map(Number);
  expect(volts).toHaveLength(1200);
  const middle = volts[600] ?? 0;
  expect(middle).toBeGreaterThan(1.9);
  expect(middle).toBeLessThan(2.1);
  expect(volts[0]).toBeLessThan(0.1);
  expect(volts[1199]).toBeGreaterThan(4);
});
