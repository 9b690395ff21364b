import { z } from 'zod';
import type { Diagnostics } from '../../contract/discovery-schema.ts';
import { channelCount, controlOf } from '../bench/controls.ts';
import type { Equipment } from '../bench/equipment.ts';
import { commandsOf } from './device-command.ts';
import { LOAD_MODES } from './reading.ts';

export const statusShape = z.object({
  id: z.string(),
  connected: z.boolean(),
  /** Of ours: opening, live, silent, reconnecting, failed. */
  state: z.string(),
  error: z.string().nullable(),
  firmware_version: z.string(),
  capabilities: z.record(z.string(), z.unknown()),
  temperature_celsius: z.number().nullable(),
  operating_hours: z.number().nullable(),
  error_code: z.int().nullable(),
  error_message: z.string().nullable(),
  last_calibration_date: z.string().nullable(),
  calibration_due_date: z.string().nullable(),
  calibration_status: z.string().nullable(),
  self_test_status: z.string().nullable(),
  self_test_last_run: z.string().nullable(),
  health_score: z.number(),
  last_error_messages: z.array(z.string()),
});

/** What is not known of an instrument (temperature, hours, calibration, self-test) is null. */
export function statusOf(equipment: Equipment, { errors, health }: Diagnostics): z.infer<typeof statusShape> {
  const { instrument } = equipment;
  const last = errors.at(-1);
  return {
    id: equipment.id,
    connected: isConnected(equipment),
    state: instrument.state,
    error: instrument.lastError?.message ?? null,
    firmware_version: instrument.identity.firmware,
    capabilities: capabilitiesOf(equipment),
    temperature_celsius: null,
    operating_hours: null,
    error_code: last?.code ?? null,
    error_message: last?.text ?? null,
    last_calibration_date: null,
    calibration_due_date: null,
    calibration_status: null,
    self_test_status: null,
    self_test_last_run: null,
    health_score: health.score,
    last_error_messages: errors.slice(-10).map(({ text }) => text),
  };
}

export function isConnected({ instrument: { state } }: Equipment): boolean {
  return state === 'live' || state === 'silent';
}

/** Numbers, in the units of their names: V, A, W, Ohm. */
export function capabilitiesOf(equipment: Equipment): Record<string, unknown> {
  const commands = commandsOf(equipment);
  const count = channelCount(equipment);
  const channels = Array.from({ length: count }, (_, index) => index + 1);
  const most = (channel: number, name: string) => controlOf(equipment, channel, name)?.max ?? null;
  switch (equipment.instrument.role) {
    case 'supply': {
      const of = (channel: number) => ({
        max_voltage: most(channel, 'voltage.set'),
        max_current: most(channel, 'current.set'),
      });
      const each = Object.fromEntries(channels.map((channel) => [`ch${channel}`, of(channel)]));
      return { num_channels: count, ...of(1), channels: each, commands };
    }
    case 'load':
      return {
        max_voltage: most(1, 'level.cv'),
        max_current: most(1, 'level.cc'),
        max_resistance: most(1, 'level.cr'),
        max_power: most(1, 'level.cp'),
        modes: controlOf(equipment, 1, 'mode')?.choices ?? LOAD_MODES,
        commands,
      };
    case 'scope':
      return { num_channels: count, waveforms: equipment.instrument.waveforms, commands };
    default:
      return { measures: equipment.channels.map(({ name, unit }) => ({ name, unit })), commands };
  }
}
