import { LabError } from '../../core/errors.ts';
import { channelCount, channelOf, controlOf, lampOf, settingOf } from '../bench/controls.ts';
import type { Equipment } from '../bench/equipment.ts';
import type { LatestValue } from '../bench/latest-values.ts';
import { isoTime } from '../server-time.ts';

/** Newest values by channel id. */
export type Values = ReadonlyMap<string, LatestValue>;

export type Reading = Record<string, unknown>;

/**
 * One reading in the words of LabLink, from the newest values and the read-back of the settings. What the instrument does not say is null. Throws hub.unsupported for
 * oscilloscopes, call.invalid for a channel it does not have.
 */
export function readingOf(equipment: Equipment, values: Values, channel = 1): Reading {
  switch (equipment.instrument.role) {
    case 'supply':
      return supplyReading(equipment, values, channel);
    case 'load':
      return loadReading(equipment, values);
    case 'scope':
      throw new LabError(
        'hub.unsupported',
        `Equipment type ${equipment.instrument.identity.model} does not support readings. Ask for measurements or a waveform.`,
      );
    default:
      return plainReading(equipment, values);
  }
}

/** Channels whose values a reading is made from. */
export function readingChannels({ instrument, channels, streams }: Equipment): string[] {
  if (instrument.role === 'scope') return [];
  const sampled = new Set(streams.filter(({ info }) => info.kind !== 'segment').map(({ info }) => info.key));
  return channels.filter(({ stream }) => sampled.has(stream)).map(({ id }) => id);
}

/** The measurements of an oscilloscope that are polled; the others of LabLink's seven are null. */
export function measurementsOf(equipment: Equipment, values: Values, channel = 1): Reading {
  if (equipment.instrument.role !== 'scope')
    throw new LabError(
      'hub.unsupported',
      `${equipment.instrument.identity.model} does not support measurements. Ask for readings.`,
    );
  const of = (name: string): number | null => {
    const found = channelOf(equipment, channel, name);
    return found ? numberOf(values.get(found.id)) : null;
  };
  const freq = of('frequency');
  return {
    vpp: of('vpp'),
    vmax: of('vmax'),
    vmin: of('vmin'),
    vavg: of('vavg'),
    vrms: of('vrms'),
    freq,
    period: freq === null || freq === 0 ? null : 1 / freq,
  };
}

/** Set values of a channel of a supply. */
export function setpointsOf(equipment: Equipment, channel: number): Reading {
  checkChannel(equipment, channel);
  return {
    voltage: settingOf(equipment, controlOf(equipment, channel, 'voltage.set')) ?? null,
    current: settingOf(equipment, controlOf(equipment, channel, 'current.set')) ?? null,
  };
}

/** A channel that is not there is said, as the drivers of the original do. */
export function checkChannel(equipment: Equipment, channel: number): void {
  if (Number.isInteger(channel) && channel >= 1 && channel <= channelCount(equipment)) return;
  throw new LabError('call.invalid', `Invalid channel ${channel}`);
}

function supplyReading(equipment: Equipment, values: Values, channel: number): Reading {
  checkChannel(equipment, channel);
  const voltage = channelOf(equipment, channel, 'voltage');
  const current = channelOf(equipment, channel, 'current');
  const mode = lampOf(equipment, channel, 'mode');
  return {
    ...head(equipment, values, [voltage, current]),
    channel,
    voltage_set: settingOf(equipment, controlOf(equipment, channel, 'voltage.set')) ?? null,
    current_set: settingOf(equipment, controlOf(equipment, channel, 'current.set')) ?? null,
    voltage_actual: voltage ? numberOf(values.get(voltage.id)) : null,
    current_actual: current ? numberOf(values.get(current.id)) : null,
    output_enabled: settingOf(equipment, controlOf(equipment, channel, 'output')) ?? null,
    in_cv_mode: mode === undefined ? null : mode === 'CV',
    in_cc_mode: mode === undefined ? null : mode === 'CC',
  };
}

/** Modes of a load and what the set value is in. */
export const LOAD_MODES = ['CC', 'CV', 'CR', 'CP'] as const;

function loadReading(equipment: Equipment, values: Values): Reading {
  const [voltage, current, power] = ['voltage', 'current', 'power'].map((name) => channelOf(equipment, 1, name));
  const mode = settingOf(equipment, controlOf(equipment, 1, 'mode')) ?? null;
  const level = controlOf(equipment, 1, `level.${String(mode).toLowerCase()}`);
  return {
    ...head(equipment, values, [voltage, current, power]),
    mode,
    setpoint: settingOf(equipment, level) ?? null,
    voltage: voltage ? numberOf(values.get(voltage.id)) : null,
    current: current ? numberOf(values.get(current.id)) : null,
    power: power ? numberOf(values.get(power.id)) : null,
    load_enabled: settingOf(equipment, controlOf(equipment, 1, 'input')) ?? null,
  };
}

/** Meters and streaming devices, which LabLink has no driver for: a number for each channel, `dut.voltage` as `dut_voltage`. */
function plainReading(equipment: Equipment, values: Values): Reading {
  const ids = new Set(readingChannels(equipment));
  const channels = equipment.channels.filter(({ id }) => ids.has(id));
  const numbers = channels.map(({ id, name }) => [name.replace(/[^A-Za-z0-9_]/g, '_'), numberOf(values.get(id))]);
  return { ...head(equipment, values, channels), ...Object.fromEntries(numbers) };
}

/** `overload` names what is beyond its range; only then it is there. */
function head(
  equipment: Equipment,
  values: Values,
  channels: readonly (Equipment['channels'][number] | undefined)[],
): Reading {
  let newestNs = 0n;
  const overload: string[] = [];
  for (const channel of channels) {
    const value = channel && values.get(channel.id);
    if (!value) continue;
    if (value.timeNs > newestNs) newestNs = value.timeNs;
    if (Math.abs(value.value) === Number.POSITIVE_INFINITY) overload.push(channel.name);
  }
  return {
    equipment_id: equipment.id,
    timestamp: newestNs === 0n ? null : isoTime(newestNs),
    ...(overload.length > 0 ? { overload } : {}),
  };
}

/** JSON has neither NaN nor infinity. */
function numberOf(latest: LatestValue | undefined): number | null {
  return latest !== undefined && Number.isFinite(latest.value) ? latest.value : null;
}
