import type { Handlers } from '../../contract/serve.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Recordings that start and stop by themselves, and sweeps. */
export function createPlanCalls({
  plans,
  sweeps,
  instruments,
  locks,
}: EngineParts): Pick<Handlers, 'plan.set' | 'sweep.start' | 'sweep.stop'> {
  return {
    'plan.set': ({ plans: list }) => {
      plans.set(list);
      return {};
    },
    'sweep.start': ({ sweep }, { who, caller }) => {
      // Throws when it is not attached: better now than at the first step.
      instruments.find(sweep.instrument);
      return sweeps.start(sweep, who, () => locks.check(sweep.instrument, caller));
    },
    'sweep.stop': ({ sweep }, { who }) => {
      sweeps.stop(sweep, `Stopped by ${who}.`);
      return {};
    },
  };
}
