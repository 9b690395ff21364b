import type { Equipment } from '../equipment.ts';
import type { EcgStream } from './ecg-stream.ts';

const PREFIX = 'patient-';

/** Id of a patient as an equipment. */
export function patientId(patient: string): string {
  return `${PREFIX}${patient}`;
}

/** The patient of an equipment; undefined: it is none. */
export function patientOf(equipment: string): string | undefined {
  return equipment.startsWith(PREFIX) ? equipment.slice(PREFIX.length) : undefined;
}

export function streamKey(patient: string): string {
  return `${patientId(patient)}/ecg`;
}

/** One patient as equipment: its electrocardiogram. Columns and rate are known with its first data. */
export function patientEquipment(
  patient: string,
  ecg: EcgStream,
  severity: string,
  isConnected: boolean,
  resource: string,
): Equipment {
  const status: Record<string, string> = {};
  if (severity !== '') status.severity = severity;
  if (ecg.rateHz > 0) status.rate = `${ecg.rateHz} Hz${ecg.isRateAssumed ? ' (assumed)' : ''}`;
  return {
    id: patientId(patient),
    identity: { maker: 'VITAL', model: 'ECG', serial: patient, firmware: '' },
    label: `ECG ${patient}`,
    shape: { role: 'stream', controls: [], polled: [], maxPollHz: 1, defaultPollHz: 1, commands: [], waveforms: [] },
    streams: [{ name: 'ecg', columns: ecg.columns, defaultIntervalMs: 1000, minIntervalMs: 1000, maxIntervalMs: 1000 }],
    resource,
    isConnected,
    status,
  };
}
