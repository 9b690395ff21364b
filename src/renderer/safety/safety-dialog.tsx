import { type ReactElement, useState } from 'react';
import type { ProtectedDevice, SafetyState } from '../../contract/safety-schema.ts';
import { act, toast } from '../actions.ts';
import { Dialog } from '../control/dialog.tsx';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { useSeconds } from '../frame/link-badge.tsx';
import { closeDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { plural } from '../text-format.ts';
import { armedText } from './armed-text.ts';
import { envelopeText } from './device-draft.ts';
import { DeviceForm } from './device-form.tsx';

/** What the devices under test stand; the engine holds every command to it, whoever sends it. */
export function SafetyDialog(): ReactElement {
  const safety = useStore(benchStore, (bench) => bench?.safety) as SafetyState;
  const [edited, setEdited] = useState<string | 'new'>();
  useSeconds(safety.armed.some(({ untilNs }) => untilNs !== null));
  return (
    <Dialog
      title="Safety limits"
      wide
      onClose={closeDialog}
      foot={
        <>
          <span className="quiet">
            The engine checks cards, console, files and scripts alike. Outputs off is never held up.
          </span>
          <span className="grow" />
          <button
            type="button"
            className="btn primary"
            disabled={edited !== undefined}
            onClick={() => setEdited('new')}
          >
            <Icon name="plus" /> Device under test
          </button>
        </>
      }
    >
      <div className="dialog-body safety">
        {safety.devices.map((device) =>
          edited === device.id ? (
            <DeviceForm key={device.id} device={device} onDone={() => setEdited(undefined)} />
          ) : (
            <DeviceRow key={device.id} device={device} safety={safety} onEdit={() => setEdited(device.id)} />
          ),
        )}
        {edited === 'new' && <DeviceForm device={undefined} onDone={() => setEdited(undefined)} />}
        {safety.devices.length === 0 && edited === undefined && (
          <div className="empty">
            <h2>No device under test is protected</h2>
            <p>
              Say what your board stands, and which outputs feed it. A setpoint beyond that is refused before it is
              sent, and a measured value beyond it switches the outputs off.
            </p>
          </div>
        )}
      </div>
    </Dialog>
  );
}

async function unprotect(device: ProtectedDevice): Promise<void> {
  if (!(await act('safety.remove', { device: device.id }))) return;
  toast({
    severity: 'warning',
    text: `${device.label} is not protected any more: nothing holds its outputs back.`,
    action: { label: 'Protect it again', run: () => void act('safety.set', { device }) },
  });
}

function DeviceRow(props: { device: ProtectedDevice; safety: SafetyState; onEdit: () => void }): ReactElement {
  const { device, safety, onEdit } = props;
  const armed = safety.armed.find((item) => item.device === device.id);
  const [minutes, setMinutes] = useState('30');
  const time = Number(minutes);
  const isTime = minutes.trim() === '' || (time > 0 && time <= 1440);
  const arm = (): unknown =>
    act('safety.arm', { device: device.id, ...(minutes.trim() === '' ? {} : { minutes: time }) });
  return (
    <section className="device-row" data-armed={armed !== undefined} data-testid="device-row">
      <div>
        <b>{device.label}</b>
        <small className="quiet">
          <span className="num">{envelopeText(device.envelope)}</span> · {plural(device.outputs.length, 'output')}
        </small>
      </div>
      {device.needsArming && (
        <span className={`lamp ${armed ? 'warn' : 'off'}`}>{armed ? armedText(armed, Date.now()) : 'not armed'}</span>
      )}
      {device.needsArming &&
        (armed ? (
          <button type="button" className="btn" onClick={() => void act('safety.disarm', { device: device.id })}>
            Disarm
          </button>
        ) : (
          <span className="row-tight">
            <input
              className="input num minutes"
              aria-label="Armed for minutes; empty: until disarmed"
              placeholder="∞"
              value={minutes}
              maxLength={6}
              aria-invalid={!isTime}
              onChange={(event) => setMinutes(event.target.value)}
            />
            <span className="quiet">min</span>
            <button type="button" className="btn danger" disabled={!isTime} onClick={() => void arm()}>
              Arm
            </button>
          </span>
        ))}
      <button type="button" className="btn" onClick={onEdit}>
        Edit
      </button>
      <button
        type="button"
        className="btn icon"
        aria-label={`Stop protecting ${device.label}`}
        title="Stop protecting it"
        onClick={() => void unprotect(device)}
      >
        <Icon name="close" />
      </button>
    </section>
  );
}
