import { LabError } from '../../core/errors.ts';
import { parseIsoTime } from '../../protocol/lab/iso-time.ts';
import { waveformCapture } from '../../protocol/lab/lablink-rest.ts';
import type { Equipment, LabWaveform } from '../equipment.ts';
import type { LabLinkPlace } from './place.ts';

/** Longest capture believed; samples. */
const MAX_SAMPLES = 4_000_000;

/**
 * Waveforms of the channels asked for, one capture each: the server has no capture of several at once, so with more than one they are of different triggers. Throws
 * server.unsupported (the server sees its instrument only in the other of its two sets, or its driver has no samples), server.timeout.
 */
export async function captureWaveform(
  place: LabLinkPlace,
  equipment: Equipment,
  channels: readonly string[],
  signal: AbortSignal,
): Promise<LabWaveform> {
  const columns = equipment.shape.waveforms.filter(
    ({ channel }) => channels.length === 0 || channels.includes(channel),
  );
  const wanted = channels.length === 0 ? columns.slice(0, 1) : columns;
  const first = wanted[0];
  if (!first)
    throw new LabError(
      'call.invalid',
      `${equipment.label} has no waveform of ${channels.join(', ')}. Nothing was sent.`,
    );
  const traces = [];
  for (const { channel } of wanted) traces.push(await captureOne(place, equipment, channel, signal));
  const [head] = traces;
  if (!head) throw new LabError('server.malformed', 'The lab server gave no waveform.');
  // Channels of different lengths cannot stand in one segment: the shortest decides.
  const length = Math.min(...traces.map(({ samples }) => samples.length));
  const samples = traces.map((trace) => trace.samples.slice(0, length));
  return { columns: wanted, samples, xOriginS: head.xOriginS, dtS: head.dtS, t0Ns: head.t0Ns };
}

async function captureOne(
  place: LabLinkPlace,
  equipment: Equipment,
  channel: string,
  signal: AbortSignal,
): Promise<{ samples: Float32Array<ArrayBuffer>; xOriginS: number; dtS: number; t0Ns: bigint }> {
  const number = Number(/^ch(\d+)\./.exec(channel)?.[1] ?? 1);
  const body = { equipment_id: equipment.id, config: { channel: number } };
  const answer = waveformCapture.safeParse(
    await place.rest.post('/api/waveform/capture', body, { signal, timeoutMs: 30_000, maxBytes: 128 * 1024 * 1024 }),
  );
  if (!answer.success || answer.data.voltage_data.length === 0 || answer.data.voltage_data.length > MAX_SAMPLES)
    throw new LabError(
      'server.malformed',
      `The lab server's waveform of ${equipment.label} ${channel} has no samples that can be read. It was left out.`,
    );
  const { voltage_data, time_data, sample_rate, timestamp, trigger_time } = answer.data;
  const samples = new Float32Array(voltage_data.length);
  voltage_data.forEach((value, index) => {
    samples[index] = value ?? Number.NaN;
  });
  const xOriginS = (time_data?.[0] ?? 0) - (trigger_time ?? 0);
  const span = (time_data?.at(-1) ?? Number.NaN) - (time_data?.[0] ?? Number.NaN);
  const dtS = sample_rate !== undefined && sample_rate > 0 ? 1 / sample_rate : span / Math.max(1, samples.length - 1);
  const stamp = parseIsoTime(timestamp);
  const t0Ns = stamp ? place.clock.toOurNs(stamp.ns, stamp.isNaive) : place.ports.clock.nowNs();
  return { samples, xOriginS: Number.isFinite(xOriginS) ? xOriginS : 0, dtS: dtS > 0 ? dtS : 1, t0Ns };
}
