import { LabError } from '../../core/errors.ts';
import { VITAL_ERRORS } from '../../protocol/lab/vital-frame.ts';
import type { Finding, LabFeatures } from '../lab-server.ts';
import { ASSUMED_RATE_HZ } from './ecg-stream.ts';

export const VITAL_FEATURES: LabFeatures = {
  compression: ['permessage-deflate', 'zlib'],
  priorities: ['CRITICAL', 'HIGH', 'NORMAL', 'LOW', 'BULK'],
  recording: [],
  resume: false,
  acks: true,
  history: false,
  locks: false,
  commands: false,
  console: false,
  alarms: true,
  jobs: false,
  stats: false,
  polling: false,
};

export const VITAL_FINDINGS: readonly Finding[] = [
  {
    feature: 'Server',
    state: 'partly',
    text: 'This dialect is written from documents; its server is not public. Versions 1 to 3 of its frames and its JSON are read.',
  },
  {
    feature: 'Polling',
    state: 'absent',
    text: 'There is no other way to the data: while the connection is down there are none.',
  },
];

/** What this server in particular lacks. */
export function vitalFindings(isRateAssumed: boolean, encrypted: number): Finding[] {
  const findings: Finding[] = [];
  if (isRateAssumed) {
    findings.push({
      feature: 'Sampling rate',
      state: 'partly',
      text: `The server does not say how fast it samples; ${ASSUMED_RATE_HZ} Hz is assumed, as in its documents. Times within a message may be wrong by that.`,
    });
  }
  if (encrypted > 0) {
    findings.push({
      feature: 'Encrypted messages',
      state: 'broken',
      text: `${encrypted} messages were encrypted in a way the documents do not describe. They were left out.`,
    });
  }
  return findings;
}

/** An error the server told, by its number. */
export function vitalError(code: number, text: string): LabError {
  const meaning = VITAL_ERRORS[code] ?? `error 0x${code.toString(16)}`;
  const words = text === '' ? '' : `: ${text.slice(0, 200)}`;
  const kind = code === 0x203 ? 'server.denied' : code === 0x204 ? 'server.busy' : 'server.rejected';
  return new LabError(kind, `The server says: ${meaning}${words}. What comes from it otherwise goes on.`, { code });
}

/** Its words for how bad an alert is. */
export function alertSeverity(text: string): 'info' | 'warning' | 'error' | 'critical' {
  if (/crit|emerg|life/i.test(text)) return 'critical';
  if (/high|err|severe/i.test(text)) return 'error';
  return /warn|med|moderate/i.test(text) ? 'warning' : 'info';
}
