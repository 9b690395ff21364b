import { z } from 'zod';
import type { VitalType } from './vital-frame.ts';

const text = z.string().max(4096);
const id = z.union([z.string().max(256), z.number()]).transform(String);
const number = z.custom<number>((value) => typeof value === 'number');
/** Samples of one lead; null is missing. At most 1 MB a message, so at most 2^20. */
const samples = z.array(number.nullable()).max(1 << 20);
/** Seconds or ms since 1970, or ISO text: told apart by whoever maps the clock. */
const stamp = z.union([number, text]).optional();

const rate = z.number().positive().max(1e6).optional();
const lead = z.union([samples, z.array(samples).max(64), z.record(z.string().max(64), samples)]).optional();

/** Documents and examples name the same thing differently: all are taken. */
const ecg = z.object({
  patient_id: id.optional(),
  patientId: id.optional(),
  /** One lead, several in order, or by name. */
  data: lead,
  signal: lead,
  timestamp: stamp,
  sample_rate: rate,
  sampling_rate: rate,
  samplingRate: rate,
  leads: z.array(z.string().max(64)).max(64).optional(),
  unit: z.string().max(16).optional(),
  severity: text.nullish(),
  sequence: z.number().int().nonnegative().optional(),
});
const alert = z.looseObject({
  patient_id: id.optional(),
  severity: text.nullish(),
  message: text.nullish(),
  alert_id: id.optional(),
  timestamp: stamp,
});
const body = z.looseObject({ patient_id: id.optional(), message: text.nullish(), timestamp: stamp });
const ack = z.looseObject({
  subscription_id: id.optional(),
  subscription_type: text.optional(),
  target_id: id.optional(),
  status: text.optional(),
  message: text.nullish(),
});
const version = z.looseObject({
  version: z.number().int().optional(),
  versions: z.array(z.number().int()).max(16).optional(),
});
const fault = z.looseObject({ code: z.number().int().optional(), message: text.nullish() });

/** ECG of one patient: leads by name (`ecg` for a single one), all of one length. */
export interface VitalEcg {
  /** '' where the connection is of one patient. */
  patient: string;
  leads: ReadonlyMap<string, readonly (number | null)[]>;
  /** Hz; undefined: not said. */
  sampleRateHz: number | undefined;
  timestamp: number | string | undefined;
  unit: string;
  severity: string;
  sequence: number | undefined;
}

export type VitalMessage =
  | { kind: 'ecg'; ecg: VitalEcg }
  | {
      kind: 'alert';
      patient: string;
      severity: string;
      text: string;
      id: string;
      timestamp: number | string | undefined;
    }
  | { kind: 'note'; topic: string; patient: string; text: string; data: Record<string, unknown> }
  | { kind: 'subscribed'; target: string; isAccepted: boolean; text: string }
  | { kind: 'version'; versions: readonly number[] }
  | { kind: 'shutdown'; text: string }
  | { kind: 'error'; code: number; text: string }
  | { kind: 'ping' | 'pong' | 'heartbeat' };

/** What a frame of that type with that payload (MessagePack, read) says; undefined when its fields do not fit. Never throws. */
export function vitalMessage(type: VitalType, payload: unknown): VitalMessage | undefined {
  switch (type) {
    case 'ECG_DATA':
      return ecgOf(payload);
    case 'ANOMALY_ALERT':
      return alertOf(payload, 'critical');
    case 'PREDICTION_RESULT':
      return noteOf('prediction', payload);
    case 'FEATURE_DATA':
      return noteOf('features', payload);
    case 'HEARTBEAT':
      return { kind: 'heartbeat' };
    case 'PING':
      return { kind: 'ping' };
    case 'PONG':
      return { kind: 'pong' };
    case 'SUBSCRIPTION_ACK':
      return ackOf(payload);
    case 'VERSION_CHECK':
    case 'PROTOCOL_NEGOTIATION':
      return versionOf(payload);
    case 'ERROR':
      return errorOf(payload);
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE':
      return undefined;
  }
}

/** A text message: the JSON side of the same server. */
export function vitalTextMessage(value: unknown): VitalMessage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const type = (value as { type?: unknown }).type;
  switch (type) {
    case 'ecg_data':
      return ecgOf(value);
    case 'anomaly_alert':
    case 'system_alert':
      return alertOf(value, type === 'system_alert' ? 'warning' : 'critical');
    case 'prediction_result':
      return noteOf('prediction', value);
    case 'feature_data':
      return noteOf('features', value);
    case 'system_shutdown':
      return { kind: 'shutdown', text: body.safeParse(value).data?.message ?? 'The server ends soon.' };
    case 'subscription_ack':
    case 'subscribed':
      return ackOf(value);
    case 'heartbeat':
    case 'ping':
    case 'pong':
      return { kind: type };
    case 'version_check':
    case 'protocol_negotiation':
      return versionOf(value);
    case 'error':
      return errorOf(value);
    default:
      return undefined;
  }
}

function ecgOf(value: unknown): VitalMessage | undefined {
  const found = ecg.safeParse(value).data;
  if (!found) return undefined;
  const data = found.data ?? found.signal;
  const leads = data && leadsOf(data, found.leads);
  if (!leads) return undefined;
  return {
    kind: 'ecg',
    ecg: {
      patient: found.patient_id ?? found.patientId ?? '',
      leads,
      sampleRateHz: found.sample_rate ?? found.sampling_rate ?? found.samplingRate,
      timestamp: found.timestamp,
      unit: found.unit ?? '',
      severity: found.severity ?? '',
      sequence: found.sequence,
    },
  };
}

type Samples = (number | null)[];

/** Leads by name; undefined when they differ in length: then no row could be made of them. */
function leadsOf(
  data: Samples | Samples[] | Record<string, Samples>,
  names: readonly string[] | undefined,
): Map<string, Samples> | undefined {
  const leads = new Map<string, Samples>();
  if (!Array.isArray(data)) for (const [name, lead] of Object.entries(data)) leads.set(name, lead);
  else if (Array.isArray(data[0])) {
    for (const [index, lead] of (data as Samples[]).entries()) leads.set(names?.[index] ?? `lead${index + 1}`, lead);
  } else leads.set(names?.[0] ?? 'ecg', data as Samples);
  const lengths = new Set([...leads.values()].map((lead) => lead.length));
  return lengths.size === 1 ? leads : undefined;
}

function alertOf(value: unknown, severity: string): VitalMessage | undefined {
  const found = alert.safeParse(value).data;
  if (!found) return undefined;
  return {
    kind: 'alert',
    patient: found.patient_id ?? '',
    severity: found.severity ?? severity,
    text: found.message ?? 'Anomaly',
    id: found.alert_id ?? '',
    timestamp: found.timestamp,
  };
}

function noteOf(topic: string, value: unknown): VitalMessage | undefined {
  const found = body.safeParse(value).data;
  if (!found) return undefined;
  return { kind: 'note', topic, patient: found.patient_id ?? '', text: found.message ?? topic, data: found };
}

function ackOf(value: unknown): VitalMessage | undefined {
  const found = ack.safeParse(value).data;
  if (!found) return undefined;
  const isRefused = /den|fail|error|refus|reject/i.test(found.status ?? '');
  return { kind: 'subscribed', target: found.target_id ?? '', isAccepted: !isRefused, text: found.message ?? '' };
}

function versionOf(value: unknown): VitalMessage | undefined {
  const found = version.safeParse(value).data;
  if (!found) return undefined;
  const versions = found.versions ?? (found.version === undefined ? [] : [found.version]);
  return { kind: 'version', versions };
}

function errorOf(value: unknown): VitalMessage | undefined {
  const found = fault.safeParse(value).data;
  return found && { kind: 'error', code: found.code ?? 0, text: found.message ?? '' };
}
