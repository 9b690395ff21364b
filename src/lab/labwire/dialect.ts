import type { Dialect } from '../dialect.ts';
import { openLabwire } from './labwire-server.ts';
import { recognizesLabwire } from './recognize.ts';

/** Our own protocol, `labwire.1`. */
export const LABWIRE_DIALECT: Dialect = {
  names: ['labwire.1'],
  recognizes: recognizesLabwire,
  open: (ports, options) => Promise.resolve(openLabwire(ports, options)),
};
