import type { Dialect } from '../dialect.ts';
import { openNeurograph } from './neurograph-server.ts';
import { recognizesNeurograph } from './recognize.ts';

export const NEUROGRAPH_DIALECT: Dialect = {
  names: ['neurograph'],
  recognizes: recognizesNeurograph,
  open: (ports, options) => openNeurograph(ports, options),
};
