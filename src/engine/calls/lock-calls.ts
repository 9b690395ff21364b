import type { CallContext, Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { LockCaller } from '../lock/lock-wish.ts';

type LockCall = 'lock.take' | 'lock.release' | 'lock.touch' | 'lock.force' | 'lock.list';

/** Instruments people have for themselves. */
export function createLockCalls({ locks, instruments, events }: EngineParts): Pick<Handlers, LockCall> {
  const seen = new Set<number>();
  /** The caller, whose link is watched from now on. */
  const callerOf = ({ caller, who, screen }: CallContext): LockCaller => {
    if (!seen.has(screen.id)) {
      seen.add(screen.id);
      screen.scope.defer(() => {
        seen.delete(screen.id);
        locks.left(screen.id);
      });
    }
    return { caller, who, screen: screen.id };
  };
  return {
    'lock.take': (wish, context) => {
      // Throws for one that is not attached: its lock would end with nothing.
      instruments.find(wish.instrument);
      if (wish.mode === 'exclusive' && !context.rights.includes('control')) {
        throw new LabError(
          'call.denied',
          'An exclusive lock needs the right "control", which you lack. Nothing was changed. Observe it instead.',
          { right: 'control' },
        );
      }
      return locks.take(callerOf(context), wish);
    },
    'lock.release': ({ lock, key }, context) => {
      locks.release(callerOf(context), lock, key);
      return {};
    },
    'lock.touch': ({ lock, key }, context) => locks.touch(callerOf(context), lock, key),
    'lock.force': ({ lock, take }, context) => {
      const by = callerOf(context);
      const { was, taken } = locks.force(by, lock, take);
      const { instrument, holder } = was;
      events.add({
        kind: 'status',
        severity: 'warning',
        instrument,
        text: `${by.who} ${taken ? 'took over' : 'ended'} the lock of ${instruments.find(instrument).label} from ${holder} (${was.who})`,
        data: { who: by.who, holder, lock },
      });
      return { taken };
    },
    'lock.list': ({ instrument }, { caller }) => ({ locks: locks.list(caller, instrument) }),
  };
}
