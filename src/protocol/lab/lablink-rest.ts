import { z } from 'zod';
import { acquisitionWindow, anyNumber } from './lablink-message.ts';

function maybe<T extends z.ZodType>(type: T) {
  return type.nullish().transform((value) => value ?? undefined);
}

const text = z.string().max(4096);
const maybeText = maybe(text);
const maybeNumber = maybe(anyNumber);
const record = z.record(z.string(), z.unknown());

/** `GET /api`: the handshake. */
export const apiRoot = z.looseObject({
  name: text,
  version: text,
  hostname: maybeText,
  status: maybeText,
  security_enabled: maybe(z.boolean()),
});

/** `GET /health`; as shipped it counts another manager than the list. */
export const health = z.looseObject({ status: text, connected_devices: maybeNumber });

export const equipmentList = z.array(
  z.looseObject({
    id: text,
    type: text,
    manufacturer: maybeText,
    model: maybeText,
    serial_number: maybeText,
    connection_type: maybeText,
    resource_string: maybeText,
    nickname: maybeText,
  }),
);
export type LabLinkEquipment = z.infer<typeof equipmentList>[number];

export const equipmentStatus = z.looseObject({
  id: maybeText,
  connected: maybe(z.boolean()),
  error: maybeText,
  firmware_version: maybeText,
  capabilities: maybe(record),
  error_message: maybeText,
  health_score: maybeNumber,
});
export type LabLinkStatus = z.infer<typeof equipmentStatus>;

/** Power supply: `voltage_actual` and the like are null on instruments that do not say. */
export const supplyReadings = z.looseObject({
  timestamp: maybeText,
  channel: maybeNumber,
  voltage_set: maybeNumber,
  current_set: maybeNumber,
  voltage_actual: maybeNumber,
  current_actual: maybeNumber,
  output_enabled: maybe(z.boolean()),
  in_cv_mode: maybe(z.boolean()),
  in_cc_mode: maybe(z.boolean()),
});

export const loadReadings = z.looseObject({
  timestamp: maybeText,
  mode: maybeText,
  setpoint: maybeNumber,
  voltage: maybeNumber,
  current: maybeNumber,
  power: maybeNumber,
  load_enabled: maybe(z.boolean()),
});

/** `POST …/command`: 200 also where the driver refused; then `success` is false. */
export const commandAnswer = z.looseObject({
  success: z.boolean(),
  data: z.unknown(),
  error: maybeText,
});

export const lockAnswer = z.looseObject({
  success: z.boolean(),
  status: maybeText,
  message: maybeText,
  lock: maybe(z.looseObject({ session_id: maybeText, timeout_seconds: maybeNumber })),
  current_lock: maybe(z.looseObject({ session_id: maybeText })),
});

export const lockStatus = z.looseObject({
  locked: z.boolean(),
  lock_mode: maybeText,
  session_id: maybeText,
  time_remaining: maybeNumber,
});

export const lockSession = z.looseObject({
  session_id: text,
  client_name: maybeText,
  client_ip: maybeText,
  time_remaining: maybeNumber,
});

export const loginAnswer = z.looseObject({
  access_token: text,
  expires_in: maybeNumber,
  refresh_token: maybeText,
  user: maybe(z.looseObject({ username: maybeText, must_change_password: maybe(z.boolean()) })),
});

export const waveformCapture = z.looseObject({
  channel: maybeNumber,
  timestamp: maybeText,
  sample_rate: maybeNumber,
  time_data: maybe(z.array(anyNumber)),
  voltage_data: z.array(anyNumber.nullable()),
  trigger_time: maybeNumber,
});

export const acquisitionCreated = z.looseObject({ acquisition_id: text, state: maybeText });

export const acquisitionList = z.looseObject({
  sessions: z.array(
    z.looseObject({ acquisition_id: text, equipment_id: text, name: maybeText, state: maybeText, mode: maybeText }),
  ),
});

/** Of a session: after its end `state` stays `acquiring`, so `stats.end_time` decides. */
export const acquisitionStatus = z.looseObject({
  acquisition_id: text,
  equipment_id: text,
  state: maybeText,
  config: maybe(z.looseObject({ sample_rate: maybeNumber, channels: maybe(z.array(text)), buffer_size: maybeNumber })),
  stats: maybe(z.looseObject({ total_samples: maybeNumber, end_time: maybeText, actual_sample_rate: maybeNumber })),
});

export const acquisitionData = z.looseObject({ data: acquisitionWindow, count: maybeNumber });

export const alarmEvents = z.looseObject({
  events: z.array(
    z.looseObject({
      event_id: text,
      alarm_id: maybeText,
      state: maybeText,
      severity: maybeText,
      message: maybeText,
      equipment_id: maybeText,
      triggered_at: maybeText,
    }),
  ),
});

export const safetyStatus = z.looseObject({ emergency_stop_active: z.boolean() });
