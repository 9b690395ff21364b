import type { ReactElement } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { Lamp } from '../control/lamp.tsx';
import { benchStore } from '../engine-link.ts';
import { envelopeText } from '../safety/device-draft.ts';
import { useStore } from '../store.ts';

/** What the device on this output stands, and whether it is armed; nothing where none is protected. */
export function EnvelopeLamp(props: { instrument: InstrumentState; group: string }): ReactElement | null {
  const safety = useStore(benchStore, (bench) => bench?.safety);
  const device = safety?.devices.find(({ outputs }) =>
    outputs.some(({ instrument, group }) => instrument === props.instrument.id && group === props.group),
  );
  if (!device) return null;
  const isArmed = safety?.armed.some((armed) => armed.device === device.id) ?? false;
  const word = !device.needsArming ? 'limited' : isArmed ? 'armed' : 'not armed';
  return (
    <Lamp word={word} tone={isArmed ? 'warn' : 'off'} title={`${device.label}: ${envelopeText(device.envelope)}`} />
  );
}
