import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { viewFrame } from '../src/contract/frame-read.ts';
import { openScopes } from '../src/core/scope.ts';
import { type Lab, openLab } from './lab/lab.ts';
import type { LabScreen } from './lab/lab-screen.ts';

/** Scopes of every family through the whole engine, each simulated on a socket: what a person does with one, by the calls of a screen. */
const FAMILIES = {
  'rigol-ds1000z': 'image/png',
  'rigol-dho800': 'image/png',
  'keysight-infiniivision': 'image/png',
  'siglent-sds-old': 'image/bmp',
  'siglent-sds-hd': 'image/png',
  'tektronix-mso': 'image/png',
  'tektronix-tbs1000': 'image/bmp',
  'tektronix-tbs2000': null,
};

/** Scopes whose vertical position is in divisions, not in volts. */
const IN_DIVISIONS = ['tektronix-tbs1000', 'tektronix-tbs2000'];

let lab: Lab;
let screen: LabScreen;

beforeAll(async () => {
  lab = await openLab({ families: Object.keys(FAMILIES) });
  screen = await lab.screen();
});

afterAll(async () => {
  screen[Symbol.dispose]();
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

it('gives a capture up when nobody waits for it any more, and the scope runs on', async () => {
  const { client } = screen;
  const { instrument } = await client.call('instrument.open', { resource: lab.resource('scope') });
  const ask = (text: string) => client.call('instrument.query', { instrument, text });
  await ask(':ACQ:MDEP 120000');
  const controller = new AbortController();
  const capture = client.call(
    'instrument.capture',
    { instrument, channels: ['ch1.waveform'] },
    { signal: controller.signal },
  );
  capture.catch(() => {});
  // When its data has been asked for.
  for (let isAsked = false; !isAsked; ) {
    const { exchanges } = await client.call('instrument.exchanges', { instrument, limit: 1000 });
    isAsked = exchanges.some(({ text }) => text === ':WAV:DATA?');
  }
  controller.abort();
  await expect(capture).rejects.toMatchObject({ code: 'call.cancelled' });
  expect((await ask('*IDN?')).reply).toContain('DS1054Z');
  expect((await ask(':TRIG:STAT?')).reply).not.toBe('STOP');
  await client.call('instrument.close', { instrument });
});

describe.each(Object.entries(FAMILIES))('%s', (family, type) => {
  it('is live, gives its picture, and every sample of a waveform', async () => {
    const { call } = screen.client;
    const ask = call.bind(screen.client);
    const { instrument } = await ask('instrument.open', { resource: lab.resource(family) });
    const state = await screen.until(`${family} is live`, ({ instruments }) =>
      instruments.find(({ id, state: word }) => id === instrument && word === 'live'),
    );
    expect(state).toMatchObject({ role: 'scope', can: { screenshot: type !== null } });
    if (type !== null) {
      const picture = await ask('instrument.screenshot', { instrument });
      expect(picture.type).toBe(type);
      expect(Buffer.from(picture.base64, 'base64').length).toBeGreaterThan(500);
    }
    for (const [control, value] of [
      ['ch4.display', true],
      ['ch4.scale', 1],
      [IN_DIVISIONS.includes(family) ? 'ch4.position' : 'ch4.offset', 0],
      ['trigger.level', 0.5],
      ['trigger.slope', 'falling'],
    ] as const)
      await ask('instrument.set', { instrument, control, value });
    const samples: number[] = [];
    const stop = screen.client.onFrame((frame) => {
      for (const block of viewFrame(frame).blocks)
        if (block.isReply && block.kind === 'raw') samples.push(...(block.batch.columns[0] ?? []));
    });
    const channels = ['ch4.waveform'];
    const { stream } = await ask('instrument.capture', { instrument, channels });
    const range = { fromNs: '0', toNs: String(2n ** 62n), channels: [`${instrument}/ch4.waveform`] };
    const { streams, exact } = await ask('history.read', { ...range, request: 1, raw: true });
    stop();
    expect(exact).toBe(true);
    expect(streams.map(({ key }) => key)).toEqual([stream]);
    expect(samples).toHaveLength(1200);
    // The compensation output of the bench: 0 V and 3 V.
    const low = samples.filter((volts) => Math.abs(volts) < 0.3).length;
    const high = samples.filter((volts) => Math.abs(volts - 3) < 0.3).length;
    expect(low + high).toBe(1200);
    expect(Math.min(low, high)).toBeGreaterThan(400);
    const after = await screen.until('the level is read back', ({ instruments }) =>
      instruments.find(({ id, values }) => id === instrument && values['trigger.level']?.readBack === 0.5),
    );
    expect(after.values.acquire?.readBack).toBe('run');
    expect(after.lastError).toBeNull();
    await ask('instrument.close', { instrument });
  });
});
