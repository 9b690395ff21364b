import { type ReactElement, useEffect, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { Icon } from '../control/icon.tsx';
import { linkStore } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { formatClock, msOf, plural } from '../text-format.ts';
import { ownLocks, release, takeOver } from './own-locks.ts';

/** Between the two clicks of Take over, ms. */
const SECOND_CLICK_MS = 4000;

/** Who has the instrument for themselves; who manages the bench may take it over. Outputs off works for everybody. */
export function LockNote({ instrument }: { instrument: InstrumentState }): ReactElement | null {
  const { lock } = instrument;
  const isOwn = useStore(ownLocks, (own) => lock !== undefined && own.has(lock.id));
  const mayForce = useStore(linkStore, ({ engine }) => engine?.rights.includes('manage') ?? false);
  if (!lock) return null;
  const until = formatClock(msOf(lock.expiresNs), false);
  const waiting = lock.waiting > 0 ? ` ${plural(lock.waiting, 'other waits', 'others wait')} for it.` : '';
  return (
    <div className="card-trouble" data-testid="lock">
      <div className="problem info" role="status">
        <Icon name="info" />
        <p title={`${lock.who}, since ${formatClock(msOf(lock.sinceNs), false)}. Outputs off works for everybody.`}>
          {isOwn ? `Only this screen controls it until ${until}.` : `${lock.holder} controls it alone until ${until}.`}
          {waiting}
        </p>
        {isOwn && (
          <button type="button" className="btn small" onClick={() => void release(lock.id)}>
            Release
          </button>
        )}
        {!isOwn && mayForce && <TakeOver key={lock.id} lock={lock.id} holder={lock.holder} />}
      </div>
    </div>
  );
}

/** The first click asks, the second one does it: somebody is at work there. */
function TakeOver({ lock, holder }: { lock: string; holder: string }): ReactElement {
  const [isAsking, setAsking] = useState(false);
  useEffect(() => {
    if (!isAsking) return;
    const timer = setTimeout(() => setAsking(false), SECOND_CLICK_MS);
    return () => clearTimeout(timer);
  }, [isAsking]);
  return (
    <button
      type="button"
      className={isAsking ? 'btn small danger' : 'btn small'}
      onClick={() => (isAsking ? void takeOver(lock) : setAsking(true))}
    >
      {isAsking ? `Take it from ${holder}` : 'Take over'}
    </button>
  );
}
