import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { openScopes } from '../../src/core/scope.ts';
import type { DriverFamily } from '../../src/engine/driver/driver.ts';
import { createMemoryWire } from '../../src/engine/transport/memory-transport.ts';
import { TranscriptUnit } from './transcript.ts';
import { openTranscriptBench } from './transcript-bench.ts';
import { makeBytes } from './transcript-bytes.ts';
import { checkLocal, checkOpening, runCheck } from './transcript-check.ts';
import { compilePattern, sampleRequest } from './transcript-pattern.ts';
import { readTranscript, type Transcript, type TranscriptCheck, transcriptSchema } from './transcript-schema.ts';
import { fillTemplate } from './transcript-template.ts';

const FOLDER = new URL('../fixtures/transcripts/', import.meta.url).pathname;
const { signal } = new AbortController();

/** A supply of four requests, and a driver of a few lines for it that can be made wrong. */
function smallTranscript(more: object = {}): Transcript {
  return transcriptSchema.parse({
    family: 'small-supply',
    role: 'supply',
    sources: { guide: 'nothing but this test' },
    idn: 'Maker,PS1,7,1.0',
    identity: { maker: 'Maker', model: 'PS1', serial: '7', firmware: '1.0' },
    wire: { style: 'scpi' },
    errors: {
      next: 'SYSTem:ERRor?',
      empty: '0,"No error"',
      undefined: [-113, 'Undefined header'],
      range: [-222, 'Data out of range'],
    },
    state: { volt: 5, on: 1, meas: 4.99, sel: 1 },
    scratch: ['sel'],
    exchanges: [
      {
        source: 'guide',
        requests: {
          '[:SOURce<n:1..2=1>]:VOLTage[:LEVel]?': '{volt|%.3f}',
          '[:SOURce<n:1..2=1>]:VOLTage[:LEVel] <v:number 0..30>': { set: { volt: '{v}' } },
          ':MEASure:VOLTage?': '{meas|%+.4E}',
          ':OUTPut[:STATe]?': '{on|OFF,ON}',
          ':OUTPut[:STATe] <on:bool>': { set: { on: '{on}' } },
          ':DATA?': { block: { type: 'i16be', values: [1, -2] } },
          ':CURVe?': { block: { type: 'i16be', values: [1, -2] }, lead: 'C1:WF ', tail: '\n\n' },
        },
      },
    ],
    checks: [{ shows: 'nothing' }],
    ...more,
  });
}

interface Flaws {
  query?: string;
  factor?: number;
  onOpening?: string;
  local?: string;
  order?: 'low first';
}

/** Reads :MEAS:VOLT? and sets :VOLT; `flaws` make it wrong. */
function smallFamily({ query = ':MEAS:VOLT?', factor = 1, onOpening, local, order }: Flaws = {}): DriverFamily {
  return {
    id: 'small-supply',
    name: 'Small supply',
    matches: () => true,
    async open({ session }) {
      if (onOpening !== undefined) await session.write(onOpening);
      return {
        shape: {
          role: 'supply',
          controls: [{ id: 'ch1.voltage.set', group: 'ch1', label: 'Voltage', kind: 'number', max: 30 }],
          polled: [{ channel: 'ch1.voltage', unit: 'V' }],
          maxPollHz: 1,
          defaultPollHz: 1,
          commands: [],
          waveforms: [],
        },
        async poll() {
          const value = Number(await session.query(query, { timeoutMs: 100 })) * factor;
          return { values: Float64Array.of(value), sentNs: 0n, receivedNs: 0n };
        },
        async readControls() {
          return { 'ch1.voltage.set': Number(await session.query('VOLT?')) };
        },
        async setControl(_id, value) {
          await session.write(`VOLT ${Number(value) * factor}`);
          return { 'ch1.voltage.set': Number(await session.query('VOLT?')) };
        },
        async capture() {
          const bytes = await session.queryBlock('DATA?', { timeoutMs: 100 });
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
          const codes = [0, 2].map((at) => view.getInt16(at, order === 'low first'));
          return {
            columns: [{ channel: 'ch1.waveform', unit: 'V' }],
            samples: [Float32Array.from(codes, (code) => code * 0.1 * factor)],
            xOriginS: 0,
            dtS: 1e-6,
            t0Ns: 0n,
          };
        },
        async screenshot() {
          return { type: 'image/bmp', bytes: await session.queryBlock('DATA?', { timeoutMs: 100 }) };
        },
        ...(local === undefined ? {} : { toLocal: () => session.write(local) }),
        async outputsOff() {
          await session.write('OUTP OFF');
          return [{ group: 'ch1', confirmed: (await session.query('OUTP?')) === 'OFF' }];
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

async function problemsOf(check: Omit<TranscriptCheck, 'shows'>, flaws?: Flaws): Promise<string[]> {
  const transcript = smallTranscript();
  await using bench = await openTranscriptBench(transcript, smallFamily(flaws));
  return await runCheck(bench, { shows: 'it', ...check }, transcript);
}

describe('a request pattern', () => {
  const pattern = compilePattern('[:SOURce<ch:1..3=2>]:VOLTage[:LEVel] <v:number 0..30 V>', 'scpi');

  it('recognises every legal spelling', () => {
    for (const text of [
      'VOLT 1.5',
      ':volt 1.5',
      'SOUR:VOLT:LEV 1.5',
      ':SOURCE2:VOLTAGE:LEVEL   1.5V',
      'sour2:voltage +1.5E0',
    ]) {
      expect(pattern.match(text)?.values, text).toEqual({ ch: '2', v: '1.5' });
    }
  });

  it('recognises no other', () => {
    for (const text of [
      'VOLTA 1.5',
      'VOLT',
      'VOLT?',
      'VOLT 1.5,2',
      'SOUR4:VOLT 1',
      'VOL 1',
      'VOLT ON',
      'OUTP:VOLT 1',
      'VOLT1.5',
    ]) {
      expect(pattern.match(text), text).toBeUndefined();
    }
  });

  it('captures words in their short form, and switches as 1 and 0', () => {
    const functions = compilePattern('FUNCtion "<f:VOLTage[:DC]=VOLT|VOLTage:AC=VOLT:AC>"', 'scpi');
    expect(functions.match(`FUNC 'volt:dc'`)?.values).toEqual({ f: 'VOLT' });
    expect(functions.match('FUNC "VOLTAGE:AC"')?.values).toEqual({ f: 'VOLT:AC' });
    expect(functions.match('FUNC "CURR"')).toBeUndefined();
    expect(compilePattern('OUTP[ CH<c:1..2>,]<on:bool>', 'scpi').match('OUTP off')?.values).toBeUndefined();
    expect(compilePattern('OUTP <on:bool>', 'scpi').match('OUTP off')?.values).toEqual({ on: '0' });
    expect(compilePattern(':TRIP<:ed|ped>?', 'scpi').match('TRIPed?')).toBeDefined();
  });

  it('knows only one spelling where the wire has its own', () => {
    const korad = compilePattern('VSET1:<v:number>', 'exact');
    expect(korad.match('VSET1:05.00')?.values).toEqual({ v: '5' });
    for (const text of ['vset1:05.00', 'VSET1:05.00\n', ':VSET1:05.00', 'VSET1: 5'])
      expect(korad.match(text), text).toBeUndefined();
    expect(compilePattern('VOLT<v:digits3>', 'exact').match('VOLT50')).toBeUndefined();
    expect(compilePattern('VOLT<v:digits3>', 'exact').match('VOLT050')?.values).toEqual({ v: '50' });
  });
});

describe('a template', () => {
  it('writes numbers as instruments do', () => {
    const names = { a: 5.00026, n: 2, 'on.2': 1, b: 0, c: 1 };
    expect(fillTemplate('{a|%+.5E},{a|%.3f},{a|%06.2f},{n|%+d}', names)).toBe('+5.00026E+00,5.000,005.00,+2');
    expect(fillTemplate('{on.{n}|OFF,ON} 0x{bits 4=c 1=b 2=on.2|%04X}', names)).toBe('ON 0x0014');
    expect(fillTemplate('{a|%.3e}', { a: 0.000085 })).toBe('8.500e-05');
    expect(fillTemplate('{bits 6=c|%c}', names)).toBe('@');
    expect(() => fillTemplate('{gone}', names)).toThrow('gone');
  });
});

describe('bytes', () => {
  it('have the width and order asked for, and the part asked for', () => {
    expect([...makeBytes({ type: 'i16be', values: [1, -2] }, {})]).toEqual([0, 1, 255, 254]);
    expect([...makeBytes({ type: 'u16le', values: [258] }, {})]).toEqual([2, 1]);
    expect([...makeBytes({ type: 'u8', values: [1, 2, 3, 4], from: '{a}', to: '3' }, { a: 2 })]).toEqual([2, 3]);
    expect([...makeBytes({ type: 'u8', values: [1, 2, 3, 4, 5], skip: '1', step: '2', count: '0' }, {})]).toEqual([
      2, 4,
    ]);
    const record = makeBytes({ length: 8, fields: [{ at: 2, type: 'f32le', value: 1 }] }, {});
    expect([...record]).toEqual([0, 0, 0, 0, 128, 63, 0, 0]);
  });
});

describe('the unit', () => {
  const say = (unit: TranscriptUnit, text: string): string => String.fromCharCode(...unit.respond(text));

  it('answers, follows the path rule, and keeps its error queue', () => {
    const unit = new TranscriptUnit(smallTranscript());
    expect(say(unit, 'VOLT 7;OUTP OFF;:VOLT?')).toBe('7.000\n');
    expect(say(unit, ':OUTP:STAT ON;STAT?;*OPC?;STAT?')).toBe('ON;1;ON\n');
    expect(unit.failures).toEqual([]);
    expect(say(unit, 'VOLT 31')).toBe('');
    expect(unit.state.volt).toBe(7);
    expect(say(unit, '*STB?;:SYST:ERR?;ERR?')).toBe('4;-222,"Data out of range";0,"No error"\n');
  });

  it('lists what its source does not document, and is silent', () => {
    const unit = new TranscriptUnit(smallTranscript());
    expect(say(unit, 'CURR?')).toBe('');
    expect(unit.failures).toEqual([expect.stringContaining("unknown request: ':CURR?'")]);
    expect(say(unit, 'SYST:ERR?')).toBe('-113,"Undefined header"\n');
    for (const text of ['*RST', '*SAV 1']) expect(say(unit, text)).toBe('');
    expect(unit.failures).toHaveLength(3);
  });

  it('takes one request a message where its source says so', () => {
    const unit = new TranscriptUnit(smallTranscript({ wire: { style: 'scpi', compound: false } }));
    expect(say(unit, 'VOLT?;OUTP?')).toBe('');
    expect(unit.failures).toHaveLength(1);
  });

  it('puts a block between its lead and its tail', () => {
    const unit = new TranscriptUnit(smallTranscript());
    expect(say(unit, 'CURV?')).toBe('C1:WF #14\u0000\u0001\u00ff\u00fe\n\n');
  });

  it('tells events only after *ESR? where that is the way', () => {
    const errors = {
      all: 'ALLEv?',
      empty: '0,""',
      undefined: [113, 'Undefined'],
      range: [222, 'Range'],
      isAfterEsr: true,
    };
    const unit = new TranscriptUnit(smallTranscript({ errors }));
    say(unit, 'VOLT 31');
    say(unit, 'VOLT 32');
    expect(say(unit, 'ALLEv?')).toBe('0,""\n');
    expect(say(unit, '*ESR?')).not.toBe('0\n');
    expect(say(unit, 'ALLEv?')).toBe('222,"Range",222,"Range"\n');
  });

  it('frames by line end, or by write where there is none', async () => {
    const clock = new ManualClock();
    const framed = async (end: string, chunks: string[]): Promise<string[]> => {
      const unit = new TranscriptUnit(smallTranscript({ wire: { style: 'scpi', requestEnd: end } }));
      const { transport, device } = createMemoryWire({ clock });
      unit.attach(device);
      for (const chunk of chunks) await transport.write(new TextEncoder().encode(chunk));
      await transport[Symbol.asyncDispose]();
      return unit.requests;
    };
    expect(await framed('\n', ['VO', 'LT?\nOU', 'TP?\n'])).toEqual([':VOLT?', ':OUTP?']);
    expect(await framed('\r', ['VOLT?\rOUTP?\r'])).toEqual([':VOLT?', ':OUTP?']);
    expect(await framed('', ['VOLT?', 'OUTP?'])).toEqual([':VOLT?', ':OUTP?']);
  });
});

describe('a check', () => {
  it('passes on a driver that is right', async () => {
    expect(await problemsOf({ poll: { 'ch1.voltage': 4.99 }, read: { 'ch1.voltage.set': 5 } })).toEqual([]);
    expect(await problemsOf({ set: { id: 'ch1.voltage.set', value: 3 }, leaves: { volt: 3 } })).toEqual([]);
    expect(await problemsOf({ off: ['ch1'], leaves: { on: 0 } })).toEqual([]);
    expect(openScopes()).toEqual([]);
  });

  it('fails on a wrong value, however small', async () => {
    expect(await problemsOf({ poll: { 'ch1.voltage': 4.99 } }, { factor: 1.0001 })).toHaveLength(1);
    expect(await problemsOf({ poll: { 'ch1.current': 1 } })).toHaveLength(1);
    expect(
      await problemsOf({ set: { id: 'ch1.voltage.set', value: 3 }, leaves: { volt: 3 } }, { factor: 10 }),
    ).toHaveLength(2);
    expect(await problemsOf({ set: { id: 'ch1.voltage.set', value: 3, refused: 'call.invalid' } })).not.toEqual([]);
    expect(await problemsOf({ limits: { 'ch1.voltage.set': { max: 31 } } })).toHaveLength(1);
    expect(await problemsOf({ off: ['ch1', 'ch2'] })).toHaveLength(1);
  });

  it('fails on a question the source does not document', async () => {
    const problems = await problemsOf({ poll: { 'ch1.voltage': 4.99 } }, { query: 'FETCH:VOLT?' });
    expect(problems).toContainEqual(expect.stringContaining('unknown request'));
  });

  it('fails when something changed unasked', async () => {
    const transcript = smallTranscript();
    await using bench = await openTranscriptBench(transcript, smallFamily({ onOpening: 'OUTP OFF' }));
    expect(checkOpening(bench, transcript)).toEqual([expect.stringContaining('on of the unit changed unasked')]);
    const problems = await problemsOf({ poll: { 'ch1.voltage': 4.99 } }, { query: 'VOLT 1;MEAS:VOLT?' });
    expect(problems).toContainEqual(expect.stringContaining('changed unasked'));
  });

  it('fails on a sample of another value, time or order of bytes', async () => {
    const capture = { channels: ['ch1.waveform'], volts: [[0.1, -0.2]], xOriginS: 0, dtS: 1e-6 };
    expect(await problemsOf({ capture })).toEqual([]);
    expect(await problemsOf({ capture }, { factor: 1.00001 })).toHaveLength(1);
    expect(await problemsOf({ capture }, { order: 'low first' })).toHaveLength(1);
    expect(await problemsOf({ capture: { ...capture, dtS: 2e-6, xOriginS: -1e-6 } })).toHaveLength(2);
    expect(await problemsOf({ capture: { ...capture, volts: [[0.1]] } })).toHaveLength(1);
  });

  it('fails on a picture with a byte less', async () => {
    expect(await problemsOf({ screenshot: ['00', '0001ff FE'] })).toEqual([]);
    expect(await problemsOf({ screenshot: ['0001ff'] })).toHaveLength(1);
  });

  it('fails on a way back to the front panel that is not documented, or does more', async () => {
    const transcript = smallTranscript();
    for (const [local, problems] of [
      ['OUTP ON', 0],
      ['OUTP OFF', 1],
      ['SYST:LOC', 1],
    ] as const) {
      await using bench = await openTranscriptBench(transcript, smallFamily({ local }));
      expect(await checkLocal(bench, transcript), local).toHaveLength(problems);
    }
  });

  it('stops a driver that never comes back', async () => {
    const transcript = smallTranscript();
    await using bench = await openTranscriptBench(transcript, smallFamily());
    const never = new Promise<void>((_, reject) => signal.addEventListener('abort', reject));
    await expect(bench.run(never)).rejects.toThrow('nothing came of it');
  });
});

describe.each(readdirSync(FOLDER))('%s', (file) => {
  const transcript = readTranscript(join(FOLDER, file));
  const style = transcript.wire.style;

  it('answers every request it lists, with nothing left unfilled', () => {
    for (const { requests } of transcript.exchanges) {
      for (const [pattern, reactions] of Object.entries(requests)) {
        for (const { when = {} } of reactions) {
          const unit = new TranscriptUnit(transcript);
          const request = sampleRequest(pattern, style);
          for (const [name, value] of Object.entries(when)) if (name in unit.state) unit.state[name] = value;
          const reply = String.fromCharCode(...unit.respond(request));
          expect(unit.failures, `${pattern} as '${request}'`).toEqual([]);
          expect(reply, pattern).not.toMatch(/\{[a-z]/);
          if (pattern.endsWith('?') && reactions.length === 1) expect(reply, pattern).not.toBe('');
        }
      }
    }
  });

  it('names only state it has, and channels and controls as the documents do', () => {
    const known = new Set(Object.keys(transcript.state));
    for (const check of transcript.checks) {
      for (const name of Object.keys({ ...check.given, ...check.leaves })) expect(known, check.shows).toContain(name);
      const controls = [
        ...Object.keys({ ...check.read, ...check.limits, ...check.set?.gives }),
        ...(check.set ? [check.set.id] : []),
      ];
      for (const id of controls) expect(id, check.shows).toMatch(CONTROL_IDS);
    }
    for (const name of transcript.scratch) {
      expect(
        [...known].some((one) => one === name || one.startsWith(`${name}.`)),
        name,
      ).toBe(true);
    }
  });
});

/** docs/instruments.md, Controls. */
const CONTROL_IDS =
  /^(ch\d\.(voltage|current)\.set|ch\d\.output|ch\d\.source|ch\d\.o[vc]p\.(level|enabled)|ch\d\.protection\.clear|function|range|nplc|terminals|mode|level\.c[cvrp]|input|ch\d\.(display|scale|offset|position|coupling)|timebase\.(scale|offset)|trigger\.(source|level|slope)|acquire)$/;
