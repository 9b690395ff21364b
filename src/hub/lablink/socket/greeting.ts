import { type LablinkSettings, MESSAGE_FORMATS } from '../../../contract/lablink-settings.ts';
import { SOCKET_COMPRESSIONS } from '../../ws-settings.ts';

/** What a client may choose here; the first message of a socket. It names no protocol, so it is taken for that of LabLink. */
export function capabilities({
  compression,
  recording,
  backpressure,
  rateLimit,
}: LablinkSettings): Record<string, unknown> {
  return {
    type: 'capabilities',
    features: {
      compression: {
        enabled: compression.isEnabled,
        types: SOCKET_COMPRESSIONS,
        threshold: compression.thresholdBytes,
      },
      priorities: { enabled: true, levels: ['LOW', 'NORMAL', 'HIGH', 'CRITICAL'] },
      recording: { enabled: recording.isEnabled, formats: MESSAGE_FORMATS },
      backpressure: {
        enabled: backpressure.isEnabled,
        max_queue_size: backpressure.queueSize,
        rate_limit: rateLimit.isEnabled ? rateLimit.perSecond : null,
      },
    },
  };
}
