import type { Dialect } from '../dialect.ts';
import { openPowerMeter } from './power-meter-server.ts';
import { recognizesPowerMeter } from './recognize.ts';

export const POWER_METER_DIALECT: Dialect = {
  names: ['power-meter'],
  recognizes: recognizesPowerMeter,
  open: (ports, options) => openPowerMeter(ports, options),
};
