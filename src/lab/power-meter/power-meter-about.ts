import type { Finding, LabFeatures } from '../lab-server.ts';
import type { RestClient } from '../rest-client.ts';

export const POWER_METER_FEATURES: LabFeatures = {
  compression: ['permessage-deflate'],
  priorities: [],
  recording: [],
  resume: false,
  acks: false,
  history: false,
  locks: false,
  commands: false,
  console: true,
  alarms: false,
  jobs: false,
  stats: false,
  polling: true,
};

/** What is so on every server of this kind. */
export const POWER_METER_FINDINGS: readonly Finding[] = [
  {
    feature: 'Messages to the power socket',
    state: 'broken',
    text: 'The server does not read what a client sends on the power socket, and ends the connection 40 s after its start if something was. Labwire sends nothing there.',
  },
  {
    feature: 'Hardware errors',
    state: 'partly',
    text: 'The tenth error in a row drops the socket without a close frame. Labwire asks whether the instrument is connected before it opens a stream.',
  },
  {
    feature: 'Times',
    state: 'partly',
    text: 'Data carry the monotonic clock of the server, heartbeats its local time without a zone. Rows are mapped to the clock here; how sure that is stands with them.',
  },
  {
    feature: 'One failing channel',
    state: 'partly',
    text: 'When one detector of a module cannot be read the server gives none of the four.',
  },
  {
    feature: 'History',
    state: 'absent',
    text: 'What was missed while the connection was down cannot be asked for: it stays a gap.',
  },
];

const PROBES: readonly { path: string; feature: string; instead: string }[] = [
  {
    path: '/detector/wavelength?module=4&channel=1',
    feature: 'Reading the wavelength',
    instead: 'It is read with the configuration instead.',
  },
  {
    path: '/measurement/sweep/wavelengths',
    feature: 'Limits of the sweep',
    instead: 'The limits of the tunable lasers are shown instead.',
  },
  {
    path: '/measurement/status/referencing',
    feature: 'Progress of a reference',
    instead: 'That a reference is ready cannot be seen.',
  },
];

/** Asks the calls that fail on some servers; each failure is a finding. Never throws. */
export async function probeCalls(rest: RestClient): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { path, feature, instead } of PROBES) {
    try {
      const { status } = await rest.answer(path, { timeoutMs: 5000 });
      if (status >= 400 && status !== 503)
        findings.push({ feature, state: 'broken', text: `The server fails at it (HTTP ${status}). ${instead}` });
    } catch {
      // Nothing is said of what could not be asked.
    }
  }
  return findings;
}
