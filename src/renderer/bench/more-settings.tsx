import type { ReactElement } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { ControlField, controlLabel } from '../control/control-field.tsx';
import { Popover } from '../control/popover.tsx';
import { plural } from '../text-format.ts';
import { fullTitleOf } from './instrument-words.ts';
import { otherControls } from './shown-controls.ts';

/** What the family offers beyond its role, behind one line at the end of the card. */
export function MoreSettings({ instrument }: { instrument: InstrumentState }): ReactElement | null {
  const controls = otherControls(instrument);
  if (controls.length === 0) return null;
  return (
    <div className="card-more">
      <Popover
        className="link-quiet"
        label={`${fullTitleOf(instrument)}: more settings`}
        testId="more-settings"
        title={controls.map(controlLabel).join(', ')}
        button={`${plural(controls.length, 'more setting')}…`}
      >
        {() => (
          <div className="popover-body narrow">
            <h3>More settings</h3>
            {controls.map((control) => (
              <div className="control-row" key={control.id}>
                <span>{controlLabel(control)}</span>
                <ControlField instrument={instrument} control={control} />
              </div>
            ))}
          </div>
        )}
      </Popover>
    </div>
  );
}
