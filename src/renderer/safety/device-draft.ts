import type { Envelope, ProtectedDevice } from '../../contract/safety-schema.ts';
import { parseQuantity } from '../../core/units-parse.ts';

/** The fields of one limit, in the order of the form. */
export const LIMITS = [
  { key: 'maxV', label: 'Highest voltage', unit: 'V' },
  { key: 'minV', label: 'Lowest voltage', unit: 'V' },
  { key: 'maxA', label: 'Highest current', unit: 'A' },
  { key: 'maxW', label: 'Highest power', unit: 'W' },
  { key: 'slewVPerS', label: 'Fastest change of voltage, per second', unit: 'V' },
  { key: 'slewAPerS', label: 'Fastest change of current, per second', unit: 'A' },
] as const satisfies readonly { key: keyof Envelope; label: string; unit: string }[];

export type LimitKey = (typeof LIMITS)[number]['key'];

/** What is in the form; limits as typed. */
export interface DeviceDraft {
  id: string;
  label: string;
  outputs: ProtectedDevice['outputs'];
  limits: Record<LimitKey, string>;
  needsArming: boolean;
}

export type DeviceProblems = Partial<Record<LimitKey | 'label' | 'outputs', string>>;

export function draftOfDevice(device: ProtectedDevice | undefined, id: string): DeviceDraft {
  const text = (key: LimitKey): string => {
    const value = device?.envelope[key];
    return value === undefined ? '' : String(value);
  };
  return {
    id: device?.id ?? id,
    label: device?.label ?? '',
    outputs: device?.outputs ?? [],
    limits: {
      maxV: text('maxV'),
      minV: text('minV'),
      maxA: text('maxA'),
      maxW: text('maxW'),
      slewVPerS: text('slewVPerS'),
      slewAPerS: text('slewAPerS'),
    },
    needsArming: device?.needsArming ?? true,
  };
}

/** The device the form says, or what is wrong with each field. Nothing is guessed: a limit that cannot be read is no limit that is left out. */
export function deviceOfDraft(
  draft: DeviceDraft,
): { ok: true; device: ProtectedDevice } | { ok: false; problems: DeviceProblems } {
  const problems: DeviceProblems = {};
  const envelope: Envelope = {};
  for (const { key, unit } of LIMITS) {
    const text = draft.limits[key].trim();
    if (text === '') continue;
    const parsed = parseQuantity(text, unit);
    if (!parsed.ok) problems[key] = parsed.reason;
    else if (parsed.value < 0 && key !== 'minV' && key !== 'maxV') problems[key] = 'Not less than nothing.';
    else if (parsed.value === 0 && key.startsWith('slew')) problems[key] = 'Faster than nothing.';
    else envelope[key] = parsed.value;
  }
  if (envelope.minV !== undefined && envelope.maxV !== undefined && envelope.minV > envelope.maxV)
    problems.minV = 'Above the highest voltage.';
  if (draft.label.trim() === '') problems.label = 'Give it a name.';
  if (draft.outputs.length === 0) problems.outputs = 'Pick at least one output that feeds it.';
  if (Object.keys(problems).length > 0) return { ok: false, problems };
  const { id, label, outputs, needsArming } = draft;
  return { ok: true, device: { id, label: label.trim(), outputs, envelope, needsArming } };
}

/** `≤ 5.5 V · ≤ 2 A · 1 V/s`; what is not limited is not named. */
export function envelopeText({ maxV, minV, maxA, maxW, slewVPerS, slewAPerS }: Envelope): string {
  const volts =
    minV !== undefined && maxV !== undefined
      ? `${minV} … ${maxV} V`
      : atMost(maxV, 'V') || (minV === undefined ? '' : `≥ ${minV} V`);
  const parts = [
    volts,
    atMost(maxA, 'A'),
    atMost(maxW, 'W'),
    slewVPerS === undefined ? '' : `${slewVPerS} V/s`,
    slewAPerS === undefined ? '' : `${slewAPerS} A/s`,
  ];
  return parts.filter(Boolean).join(' · ') || 'no limits';
}

function atMost(value: number | undefined, unit: string): string {
  return value === undefined ? '' : `≤ ${value} ${unit}`;
}
