import { FRAME_CODECS } from '../../protocol/lab/labwire-frame.ts';
import type { LabwireCapabilities } from '../../protocol/lab/labwire-messages.ts';
import type { Finding, LabFeatures, ServerAbout } from '../lab-server.ts';

/** Of the hello: what this client takes. */
export const ACCEPT = { binary: true, codecs: FRAME_CODECS, priorities: true, ack: true } as const;

/** What both sides have. A missing key is off. */
export function featuresOf({ features }: LabwireCapabilities): LabFeatures {
  const { compression, priorities, recording, resume, backpressure, history } = features;
  return {
    compression: compression?.enabled ? [...compression.types, ...compression.codecs] : [],
    priorities: priorities?.enabled ? priorities.levels : [],
    recording: recording?.enabled ? recording.formats : [],
    resume: resume?.enabled ?? false,
    acks: backpressure?.enabled ?? false,
    // Over REST the past is asked for whatever is said of the message.
    history: history?.enabled ?? true,
    locks: true,
    commands: true,
    console: true,
    alarms: channelsOf(features.channels).includes('alarms'),
    jobs: false,
    stats: true,
    polling: true,
  };
}

/** Before the first word of the server. */
export const NO_FEATURES: LabFeatures = {
  compression: [],
  priorities: [],
  recording: [],
  resume: false,
  acks: false,
  history: false,
  locks: false,
  commands: false,
  console: false,
  alarms: false,
  jobs: false,
  stats: false,
  polling: true,
};

/** Channels whose content comes otherwise: figures with the statistics, values as streams. */
const OTHERWISE: ReadonlySet<string> = new Set(['metrics', 'readings']);

/** Channels of events this client listens to. */
export function channelsOf(channels: LabwireCapabilities['features']['channels']): string[] {
  if (!channels) return ['alarms'];
  return channels.filter(({ name, can_subscribe }) => can_subscribe && !OTHERWISE.has(name)).map(({ name }) => name);
}

/** What a person should know of this server. */
export function aboutOf(
  capabilities: LabwireCapabilities,
  isDeflated: boolean,
  denied: readonly string[],
): ServerAbout {
  const { server } = capabilities;
  const { resume, acks, history, compression } = featuresOf(capabilities);
  const finding = (feature: string, works: boolean, yes: string, no: string): Finding => ({
    feature,
    state: works ? 'works' : 'absent',
    text: works ? yes : no,
  });
  return {
    name: server.name ?? 'labwire',
    version: server.version ?? '',
    instance: server.instance ?? '',
    findings: [
      finding(
        'resume',
        resume,
        'After a loss of connection the rows in between are sent again.',
        'After a loss of connection the rows in between are asked for over REST.',
      ),
      finding(
        'acks',
        acks,
        'The server sends no faster than what is taken here.',
        'The server does not wait for what is taken here.',
      ),
      finding('history', history, 'Holes are filled from the past the server keeps.', 'Holes stay gaps.'),
      finding(
        'compression',
        isDeflated || compression.includes('i16d-rice'),
        `Compressed: ${[...(isDeflated ? ['permessage-deflate'] : []), ...compression.filter((kind) => kind !== 'none' && kind !== 'raw')].join(', ')}.`,
        'Nothing is compressed.',
      ),
      ...denied.map(
        (channel): Finding => ({
          feature: `channel ${channel}`,
          state: 'absent',
          text: `This login may not listen to ${channel}.`,
        }),
      ),
    ],
  };
}
