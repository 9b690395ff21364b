import { seededRandom } from '../../core/seeded-random.ts';

export const ECG_LEADS = 12;
/** mV. */
export const MV_PER_CODE = 0.001;
const RATE_HZ = 250;
/** Of the heart: s from beat to beat. */
const BEAT_S = 60 / 72;
/** P, Q, R, S and T: time in the beat and width, s; height, µV. */
const WAVES: readonly (readonly [atS: number, widthS: number, height: number])[] = [
  [0.16, 0.025, 120],
  [0.265, 0.01, -140],
  [0.29, 0.011, 1100],
  [0.315, 0.01, -260],
  [0.5, 0.045, 280],
];
const NOISE_UV = 3;

/** A second of a synthetic electrocardiogram. */
export interface EcgBlock {
  /** Codes of each lead, µV. */
  leads: readonly Int16Array[];
  /** The same as a JSON message, in mV, UTF-8. */
  json: Uint8Array;
}

/** So many successive seconds of twelve leads at 250 Hz with noise, always the same for one seed. */
export function ecgBlocks(count: number, seed: number): EcgBlock[] {
  const random = seededRandom(seed);
  const gains = Array.from({ length: ECG_LEADS }, (_, lead) => 0.4 + 0.6 * Math.abs(Math.sin(lead + 1)));
  return Array.from({ length: count }, (_, second) => {
    const leads = gains.map((gain, lead) =>
      Int16Array.from({ length: RATE_HZ }, (_, at) => {
        const timeS = second + at / RATE_HZ;
        const wander = 60 * Math.sin(0.5 * timeS + lead);
        return Math.round(gain * heartUv(timeS) + wander + NOISE_UV * random.normal());
      }),
    );
    return { leads, json: new TextEncoder().encode(messageOf(leads, second)) };
  });
}

function heartUv(timeS: number): number {
  const inBeatS = timeS % BEAT_S;
  return WAVES.reduce((sum, [atS, widthS, height]) => sum + height * Math.exp(-(((inBeatS - atS) / widthS) ** 2)), 0);
}

function messageOf(leads: readonly Int16Array[], second: number): string {
  const data = leads.map((codes) => Array.from(codes, (code) => code / 1000));
  return JSON.stringify({
    type: 'ecg_data',
    patient_id: 'p1',
    data,
    timestamp: 1_700_000_000 + second,
    severity: null,
  });
}
