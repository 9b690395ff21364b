import { controlOf, settingOf } from '../bench/controls.ts';
import type { Equipment } from '../bench/equipment.ts';
import { isoTime } from '../server-time.ts';
import type { Capture } from './capture-desk.ts';

/** What is said about a waveform without its samples, as LabLink sends it on its sockets: `data_id` leads to them. */
export interface WaveformHead {
  equipment_id: string;
  channel: number;
  timestamp: string;
  sample_rate: number;
  time_scale: number | null;
  voltage_scale: number | null;
  voltage_offset: number;
  num_samples: number;
  data_id: string;
}

/** `time_scale` in s and `voltage_scale` in V per division, `sample_rate` in Hz. */
export function waveformHead(equipment: Equipment, { channel, timeNs, dtS, samples, id }: Capture): WaveformHead {
  const numberOf = (name: string, of = channel): number | null => {
    const value = settingOf(equipment, controlOf(equipment, of, name));
    return typeof value === 'number' ? value : null;
  };
  return {
    equipment_id: equipment.id,
    channel,
    timestamp: isoTime(timeNs),
    sample_rate: dtS > 0 ? 1 / dtS : 0,
    time_scale: numberOf('timebase.scale', 1),
    voltage_scale: numberOf('scale'),
    voltage_offset: numberOf('offset') ?? 0,
    num_samples: samples.length,
    data_id: id,
  };
}

export interface WaveformOptions {
  /** At most so many points, each the mean of its neighbours; undefined: all. */
  reducePoints?: number | undefined;
  /** Mean over five neighbours. */
  isSmoothed: boolean;
}

export interface WaveformData extends WaveformHead {
  time_data: number[];
  voltage_data: (number | null)[];
  trigger_time: number;
  pre_trigger_samples: number;
}

/** With its samples; the time of each is counted from the first one, and `trigger_time` is when the trigger was. */
export function waveformData(equipment: Equipment, capture: Capture, options: WaveformOptions): WaveformData {
  const { samples, step } = reduced(
    options.isSmoothed ? smooth(capture.samples) : capture.samples,
    options.reducePoints,
  );
  const dtS = capture.dtS * step;
  const triggerS = -capture.xOriginS;
  return {
    ...waveformHead(equipment, { ...capture, dtS, samples }),
    time_data: Array.from(samples, (_, index) => index * dtS),
    voltage_data: Array.from(samples, (value) => (Number.isFinite(value) ? value : null)),
    trigger_time: triggerS,
    pre_trigger_samples: Math.max(0, Math.min(samples.length, Math.round(triggerS / dtS) || 0)),
  };
}

function reduced(
  samples: Float64Array<ArrayBuffer>,
  points: number | undefined,
): { samples: Float64Array<ArrayBuffer>; step: number } {
  if (points === undefined || points >= samples.length) return { samples, step: 1 };
  const step = Math.ceil(samples.length / points);
  const length = Math.ceil(samples.length / step);
  const means = new Float64Array(length);
  for (let index = 0; index < length; index++) {
    const part = samples.subarray(index * step, (index + 1) * step);
    means[index] = part.reduce((sum, value) => sum + value, 0) / part.length;
  }
  return { samples: means, step };
}

function smooth(samples: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  return samples.map((_, index) => {
    const part = samples.subarray(Math.max(0, index - 2), index + 3);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
