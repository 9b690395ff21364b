import type { Envelope, ProtectedDevice } from '../../contract/safety-schema.ts';

/** What holds for one output: the tightest of all devices it feeds. */
export interface OutputLimits extends Envelope {
  /** Devices that must be armed before it is switched on, and are not. */
  unarmed: readonly string[];
  /** Names of the devices, for the person. */
  device: string;
}

/** The limits of an output; undefined: none apply. Groups are compared in any case. */
export function limitsOf(
  devices: readonly ProtectedDevice[],
  isArmed: (device: string) => boolean,
  instrument: string,
  group: string,
): OutputLimits | undefined {
  const feeding = devices.filter(({ outputs }) =>
    outputs.some((output) => output.instrument === instrument && output.group.toLowerCase() === group.toLowerCase()),
  );
  if (feeding.length === 0) return undefined;
  const limits: OutputLimits = {
    unarmed: feeding.filter(({ id, needsArming }) => needsArming && !isArmed(id)).map(({ label }) => label),
    device: feeding.map(({ label }) => label).join(', '),
  };
  for (const { envelope } of feeding) tighten(limits, envelope);
  return limits;
}

function tighten(limits: OutputLimits, envelope: Envelope): void {
  for (const key of ['maxV', 'maxA', 'maxW', 'slewVPerS', 'slewAPerS'] as const) {
    const value = envelope[key];
    if (value !== undefined) limits[key] = Math.min(limits[key] ?? Number.POSITIVE_INFINITY, value);
  }
  if (envelope.minV !== undefined) limits.minV = Math.max(limits.minV ?? Number.NEGATIVE_INFINITY, envelope.minV);
}
