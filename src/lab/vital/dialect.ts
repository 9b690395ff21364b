import type { Dialect } from '../dialect.ts';
import { recognizesVital } from './recognize.ts';
import { openVital } from './vital-server.ts';

export const VITAL_DIALECT: Dialect = {
  names: ['vital'],
  recognizes: recognizesVital,
  open: (ports, options) => openVital(ports, options),
};
