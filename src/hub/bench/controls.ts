import type { ControlValue } from '../../core/instrument.ts';
import type { Equipment } from './equipment.ts';

type Control = Equipment['instrument']['controls'][number];

/** A control of channel `channel` by the last part of its name; instruments of one channel may leave the channel out. */
export function controlOf({ instrument }: Equipment, channel: number, name: string): Control | undefined {
  const full = instrument.controls.find(({ id }) => id === `ch${channel}.${name}`);
  return full ?? (channel === 1 ? instrument.controls.find(({ id }) => id === name) : undefined);
}

/** What it was read back as, else what it was asked to be; undefined: not known. */
export function settingOf({ instrument }: Equipment, control: Control | undefined): ControlValue | undefined {
  if (!control) return undefined;
  const state = instrument.values[control.id];
  return state?.readBack ?? state?.asked;
}

/** A lamp of a channel (`mode`, `tripped`). */
export function lampOf({ instrument }: Equipment, channel: number, name: string): string | undefined {
  return instrument.status[`ch${channel}.${name}`] ?? (channel === 1 ? instrument.status[name] : undefined);
}

/** A measured channel of ours by the last part of its name. */
export function channelOf(
  { channels }: Equipment,
  channel: number,
  name: string,
): Equipment['channels'][number] | undefined {
  const full = channels.find((one) => one.name === `ch${channel}.${name}`);
  return full ?? (channel === 1 ? channels.find((one) => one.name === name) : undefined);
}

/** Outputs or inputs of an instrument, 1 for one whose controls name none. */
export function channelCount({ instrument }: Equipment): number {
  const numbers = [...instrument.controls.map(({ group }) => group), ...instrument.waveforms].map((name) =>
    Number(/^ch(\d+)/.exec(name)?.[1] ?? 0),
  );
  return Math.max(1, ...numbers);
}
