import type { Envelope, ProtectedDevice } from '../../contract/safety-schema.ts';
import { mayBeSameUnit } from '../acquisition/instrument-id.ts';

/** What holds for one output: the tightest of all devices it feeds. */
export interface OutputLimits extends Envelope {
  /** Devices that must be armed before it is switched on, and are not. */
  unarmed: readonly string[];
  /** They are those of other outputs of its instrument, which it may move. */
  isShared?: boolean;
  /** Names of the devices, for the person. */
  device: string;
}

/**
 * The devices an instrument feeds. One without a serial number that none of them names feeds those of its model, whatever their address: it may be the
 * instrument that is meant. Naming it (limits of its own) says that it is another.
 */
export function devicesFedBy<T extends Pick<ProtectedDevice, 'outputs'>>(
  devices: readonly T[],
  instrument: string,
  group?: string,
): T[] {
  const isNamed = devices.some(({ outputs }) => outputs.some((output) => output.instrument === instrument));
  const isMeant = (id: string): boolean => (isNamed ? id === instrument : mayBeSameUnit(id, instrument));
  const lower = group?.toLowerCase();
  return devices.filter(({ outputs }) =>
    outputs.some(
      (output) => isMeant(output.instrument) && (lower === undefined || output.group.toLowerCase() === lower),
    ),
  );
}

/** The limits of an output; undefined: none apply. Groups are compared in any case. */
export function limitsOf(
  devices: readonly ProtectedDevice[],
  isArmed: (device: string) => boolean,
  instrument: string,
  group: string,
): OutputLimits | undefined {
  const feeding = devicesFedBy(devices, instrument, group);
  if (feeding.length === 0) return undefined;
  const limits: OutputLimits = {
    unarmed: feeding.filter(({ id, needsArming }) => needsArming && !isArmed(id)).map(({ label }) => label),
    device: feeding.map(({ label }) => label).join(', '),
  };
  for (const { envelope } of feeding) tighten(limits, envelope);
  return limits;
}

/** The tightest of several outputs; undefined: of none. */
export function tightest(all: readonly OutputLimits[]): OutputLimits | undefined {
  const [first] = all;
  if (!first) return undefined;
  const limits: OutputLimits = {
    unarmed: [...new Set(all.flatMap(({ unarmed }) => unarmed))],
    device: [...new Set(all.map(({ device }) => device))].join(', '),
  };
  for (const one of all) tighten(limits, one);
  return limits;
}

function tighten(limits: OutputLimits, envelope: Envelope): void {
  for (const key of ['maxV', 'maxA', 'maxW', 'slewVPerS', 'slewAPerS'] as const) {
    const value = envelope[key];
    if (value !== undefined) limits[key] = Math.min(limits[key] ?? Number.POSITIVE_INFINITY, value);
  }
  if (envelope.minV !== undefined) limits.minV = Math.max(limits.minV ?? Number.NEGATIVE_INFINITY, envelope.minV);
}
