import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';

const refuse = (): never => {
  throw new LabError('call.invalid', 'Not built yet.');
};

/** Calls of the contract whose handlers move to their own files; this file goes when the last has. */
export const pendingCalls = {
  'driver.list': refuse,
  'instrument.act': refuse,
  'instrument.screenshot': refuse,
  'instrument.setQueries': refuse,
  'instrument.help': refuse,
  'instrument.diagnostics': refuse,
  'instrument.sendFile': refuse,
  'support.bundle': refuse,
  'safety.set': refuse,
  'safety.remove': refuse,
  'safety.arm': refuse,
  'safety.disarm': refuse,
} satisfies Partial<Handlers>;
