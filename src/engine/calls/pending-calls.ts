import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';

const refuse = (): never => {
  throw new LabError('call.invalid', 'Not built yet.');
};

/** Calls of the contract whose handlers move to their own files; this file goes when the last has. */
export const pendingCalls = {
  'driver.list': refuse,
} satisfies Partial<Handlers>;
