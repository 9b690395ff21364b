import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findRunningEngine, type RunningEngine } from '../../src/headless/running-engine.ts';
import { createTestDevice } from '../conformance/test-device.ts';
import { type CompiledLibrary, compileTestLibrary, whyNoLibrary } from '../vendor-visa/test-library.ts';
import { openVisaBridge, type VisaBridge } from '../vendor-visa/visa-bridge.ts';
import { type App, launch } from './launch.ts';

const VISA_NAME = "Labwire maker's VISA";
const IDN = 'Labwire,Behind a library,7,1.0';

describe.skipIf(whyNoLibrary)(
  `the maker's VISA on the desktop${whyNoLibrary ? ` (skipped: ${whyNoLibrary})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'labwire-desktop-visa-'));
    const device = createTestDevice();
    device.answer = (message) => {
      const text = Buffer.from(message).toString('latin1').trim();
      if (text === '*IDN?') return Buffer.from(`${IDN}\n`);
      if (text === 'SYST:ERR?') return Buffer.from('0,"No error"\n');
      return text.endsWith('?') ? Buffer.from('42\n') : undefined;
    };
    let compiled: CompiledLibrary;
    let bridge: VisaBridge;
    let app: App;
    let engine: RunningEngine;

    beforeAll(async () => {
      compiled = compileTestLibrary();
      bridge = await openVisaBridge(device);
      // As a person names it: in the environment of the desktop.
      process.env.LABWIRE_VISA = compiled.library;
      app = await launch({ dataFolder: folder });
      let found: RunningEngine | undefined;
      while (!found) found = await findRunningEngine(folder, 'end-to-end suite');
      engine = found;
    });
    afterAll(async () => {
      delete process.env.LABWIRE_VISA;
      engine?.client[Symbol.dispose]();
      await app?.close();
      await bridge?.[Symbol.asyncDispose]();
      compiled?.dispose();
      rmSync(folder, { recursive: true, force: true });
    });

    const processes = (): Promise<number[]> =>
      app.main(
        ({ app: shell }, name) =>
          shell
            .getAppMetrics()
            .filter((metric) => metric.name === name && metric.pid)
            .map(({ pid }) => pid),
        VISA_NAME,
      );

    const ask = async (instrument: string): Promise<string | null> =>
      (await engine.client.call('instrument.query', { instrument, text: 'MEAS?' })).reply;

    test('the shell starts its process when the engine asks; a crash of the library ends that process alone, and the instrument comes back', async () => {
      const { client, pid } = engine;
      expect(await processes()).toEqual([]);
      const { instrument } = await client.call('instrument.open', { resource: `${bridge.resource}@visa` });
      expect(await ask(instrument)).toBe('42');
      const [before, ...others] = await processes();
      expect(before).toBeGreaterThan(0);
      expect(others).toEqual([]);

      const states: string[] = [];
      const back = new Promise<void>((resolve) => {
        client.on('instrument.changed', ({ instrument: now }) => {
          if (now.id !== instrument) return;
          if (states.includes('reconnecting') && now.state === 'live') resolve();
          states.push(now.state);
        });
      });
      await client.call('instrument.query', { instrument, text: 'CRASH' }).catch(() => undefined);
      await back;
      expect(await ask(instrument)).toBe('42');
      const after = await processes();
      expect(after).toHaveLength(1);
      expect(after[0]).not.toBe(before);
      expect((await findRunningEngine(folder, 'end-to-end suite'))?.pid, 'the engine went on').toBe(pid);
    });
  },
);
