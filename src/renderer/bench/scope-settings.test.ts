import { expect, test } from 'vitest';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { settingWords } from './scope-settings.tsx';

const scope = (values: Record<string, unknown>): Pick<InstrumentState, 'controls' | 'values'> => ({
  controls: ['ch1', 'ch2', ''].map((group) => ({ id: group, group, label: '', kind: 'switch' }) as const),
  values: Object.fromEntries(
    Object.entries(values).map(([id, readBack]) => [id, { readBack }]),
  ) as InstrumentState['values'],
});

test('says what is displayed, the timebase and the trigger', () => {
  const values = {
    'ch1.display': true,
    'ch1.scale': 0.5,
    'ch2.display': false,
    'ch2.scale': 1,
    'timebase.scale': 1e-3,
    'trigger.source': 'CH1',
    'trigger.slope': 'rising',
    'trigger.level': 0,
  };
  expect(settingWords(scope(values))).toBe('CH1 500 mV/div · 1 ms/div · trigger CH1 rising 0 V');
});

test('nothing is said of what is not known', () => {
  expect(settingWords(scope({ 'ch1.display': true }))).toBe('CH1');
  expect(settingWords(scope({}))).toBe('');
});
