import type { ReactElement } from 'react';
import type { EmergencyStop } from '../../contract/bench-schema.ts';
import { act } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { VIEW_ONLY } from '../lacks-right.ts';
import { useMay } from '../may.ts';
import { useStore } from '../store.ts';
import { formatClock, msOf } from '../text-format.ts';

/** The emergency stop stays on every screen until somebody releases it: nothing is switched on meanwhile. */
export function EmergencyStrip(): ReactElement | null {
  const stop = useStore(benchStore, (bench) => bench?.emergencyStop);
  const mayControl = useMay('control');
  return stop ? <EmergencyLine stop={stop} mayControl={mayControl} /> : null;
}

/** Who stopped the bench, when, and how it goes on. */
export function EmergencyLine({ stop, mayControl }: { stop: EmergencyStop; mayControl: boolean }): ReactElement {
  return (
    <div className="strip-line bad" role="alert" data-testid="emergency-stop">
      <Icon name="power" />
      <p>
        <b>Emergency stop</b> by {stop.by} at {formatClock(msOf(stop.t), false)}: no output is switched on from any side
        until it is released.
      </p>
      <button
        type="button"
        className="btn small"
        disabled={!mayControl}
        title={mayControl ? 'Outputs stay off until somebody switches them on. Who released it is kept.' : VIEW_ONLY}
        onClick={() => void act('emergency.release', {})}
      >
        Release the emergency stop
      </button>
    </div>
  );
}
