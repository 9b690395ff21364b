import type { InstrumentShape } from '../../core/instrument.ts';
import type { Driver, DriverFamily } from './driver.ts';

const shape: InstrumentShape = {
  role: 'unknown',
  controls: [],
  polled: [],
  maxPollHz: 1,
  defaultPollHz: 1,
  commands: ['*CLS', '*ESR?', '*IDN?', '*OPC?', '*OPT?', '*STB?', ':SYST:ERR?', ':SYST:VERS?'],
  waveforms: [],
};

/** What no other family knows: identity and console, nothing polled, nothing guessed. */
export const genericScpiFamily: DriverFamily = {
  name: 'SCPI instrument',
  matches: () => true,
  open: async (): Promise<Driver> => ({
    shape,
    readControls: async () => ({}),
    setControl: async () => ({}),
    outputsOff: async () => [],
    async [Symbol.asyncDispose]() {},
  }),
};
