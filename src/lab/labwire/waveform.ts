import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import type { LabWaveform } from '../equipment.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';
import type { Transferred } from './transfers.ts';

/** What a transfer of a waveform says of its bytes. */
const about = z.object({
  channels: z.array(z.string().min(1).max(512)).min(1).max(64),
  units: z.array(z.string().max(64)).max(64).default([]),
  dtype: z.literal('f32'),
  n: z.int().nonnegative(),
  t0_ns: z.string().regex(/^-?\d{1,19}$/),
  dt: z.number().positive(),
  x_origin: z.number(),
});

/** Columns one after the other, Float32 little-endian; its time is mapped to ours. Throws server.malformed. */
export function readWaveform({ bytes, about: said }: Transferred, clock: Pick<ServerClock, 'toOurNs'>): LabWaveform {
  const judged = about.safeParse(said);
  if (!judged.success || judged.data.n * judged.data.channels.length * 4 !== bytes.length)
    throw new LabError(
      'server.malformed',
      'The lab server sent a waveform that is none. Nothing is shown of it; capture again.',
    );
  const { channels, units, n, t0_ns, dt, x_origin } = judged.data;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const samples = channels.map((_, column) =>
    Float32Array.from({ length: n }, (_value, row) => view.getFloat32((column * n + row) * 4, true)),
  );
  const columns = channels.map((channel, column) => ({ channel, unit: units[column] ?? '' }));
  return { columns, samples, xOriginS: x_origin, dtS: dt, t0Ns: clock.toOurNs(BigInt(t0_ns)) };
}
