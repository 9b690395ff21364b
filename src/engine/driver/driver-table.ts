import type { Identity } from '../../core/instrument.ts';
import type { DriverFamily } from './driver.ts';
import { genericScpiFamily } from './generic-scpi.ts';
import { keysight34460Family } from './keysight-34460.ts';
import { rigolDp800Family } from './rigol-dp800.ts';
import { rigolDs1000zFamily } from './rigol-ds1000z.ts';
import { siglentSdlFamily } from './siglent-sdl.ts';
import { daqFamily } from './stream-daq.ts';

/** Every dialect Labwire speaks; the first that matches is taken, the last matches all. */
export const families: readonly DriverFamily[] = [
  rigolDp800Family,
  keysight34460Family,
  rigolDs1000zFamily,
  siglentSdlFamily,
  daqFamily,
  genericScpiFamily,
];

/** The family of an identity; `genericScpiFamily` for what is not known. */
export function chooseFamily(identity: Identity): DriverFamily {
  return families.find((family) => family.matches(identity)) ?? genericScpiFamily;
}
