import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import type { Principal } from '../../access/principal.ts';
import type { LabLinkPlace } from '../place.ts';
import { needAcquisitions } from '../read-right.ts';
import { crossingsOf, peaksOf, qualityOf, rollingStatistics, trendOf } from '../series.ts';
import { MAX_SPECTRUM, spectrumOf, WINDOWS } from '../spectrum.ts';
import { acquisitionPath } from './acquisition-routes.ts';
import { type AddRoutes, anyObject, queryNumber } from './route.ts';

const tags = ['acquisition'];
const BASE = '/api/acquisition/session/:acquisition_id/stats';
/** Values looked at in one request. */
const MAX_VALUES = 100_000;
const series = z.object({
  channel: z.string().min(1).max(100),
  num_samples: z.coerce.number().int().min(2).max(MAX_VALUES).optional(),
});

/** Figures of the newest values of an acquisition's channel. */
export const addAcquisitionStatsRoutes: AddRoutes = (app, place) => {
  const options = { tags, params: acquisitionPath, response: { 200: anyObject } };
  app.get(`${BASE}/rolling`, { schema: { ...options, querystring: series } }, ({ principal, params, query }) => {
    const { head, values } = seriesOf(place, principal, params.acquisition_id, query);
    return { ...head, stats: { ...rollingStatistics(finite(values)) } };
  });
  app.get(
    `${BASE}/fft`,
    { schema: { ...options, querystring: series.extend({ window: z.enum(WINDOWS).default('hann') }) } },
    ({ principal, params, query }) => {
      const { head, values, rateHz } = seriesOf(place, principal, params.acquisition_id, query);
      const spectrum = spectrumOf(finite(values).slice(-MAX_SPECTRUM), rateHz, query.window);
      if (!spectrum) throw tooFew();
      return { ...head, fft: spectrum };
    },
  );
  app.get(`${BASE}/trend`, { schema: { ...options, querystring: series } }, ({ principal, params, query }) => {
    const { head, values, seconds } = seriesOf(place, principal, params.acquisition_id, query);
    const kept = [...values.keys()].filter((index) => Number.isFinite(values[index]));
    const at = (from: Float64Array) => Float64Array.from(kept, (index) => from[index] ?? 0);
    if (kept.length < 2) throw tooFew();
    return { ...head, trend: trendOf(at(seconds), at(values)) };
  });
  app.get(
    `${BASE}/quality`,
    { schema: { ...options, querystring: series.extend({ outlier_threshold: queryNumber.positive().default(3) }) } },
    ({ principal, params, query }) => {
      const { head, values } = seriesOf(place, principal, params.acquisition_id, query);
      return { ...head, quality: qualityOf(values, query.outlier_threshold) };
    },
  );
  app.get(
    `${BASE}/peaks`,
    {
      schema: {
        ...options,
        querystring: series.extend({
          prominence: queryNumber.min(0).optional(),
          distance: z.coerce.number().int().min(1).optional(),
          height: queryNumber.optional(),
        }),
      },
    },
    ({ principal, params, query }) => {
      const { head, values } = seriesOf(place, principal, params.acquisition_id, query);
      return { ...head, peaks: peaksOf(values, query) };
    },
  );
  app.get(
    `${BASE}/crossings`,
    {
      schema: {
        ...options,
        querystring: series.extend({
          threshold: queryNumber,
          direction: z.enum(['rising', 'falling', 'both']).default('both'),
        }),
      },
    },
    ({ principal, params, query }) => {
      const { head, values } = seriesOf(place, principal, params.acquisition_id, query);
      const { threshold, direction } = query;
      return { ...head, threshold, crossings: crossingsOf(values, threshold, direction) };
    },
  );
};

interface Series {
  head: { success: true; acquisition_id: string; channel: string };
  /** NaN: missing. */
  values: Float64Array;
  /** From the first one on. */
  seconds: Float64Array;
  rateHz: number;
}

function seriesOf(
  place: LabLinkPlace,
  principal: Principal,
  id: string,
  { channel, num_samples }: z.infer<typeof series>,
): Series {
  needAcquisitions(place.parts, principal);
  const { config, ring } = place.acquisitions.get(id);
  const index = config.channels.findIndex(({ word }) => word === channel);
  if (index < 0) throw new LabError('hub.unknown', `Channel ${channel.slice(0, 100)} is not acquired`);
  const count = num_samples ?? Math.min(ring.length, MAX_VALUES);
  const values = ring.column(index, count);
  if (values.length < 2) throw tooFew();
  const times = ring.times(count);
  const [first = 0n] = times;
  const seconds = Float64Array.from(times, (time) => Number(time - first) / 1e9);
  const lastedS = seconds.at(-1) ?? 0;
  const head = { success: true as const, acquisition_id: id, channel };
  return { head, values, seconds, rateHz: lastedS > 0 ? (values.length - 1) / lastedS : config.sampleRateHz };
}

function finite(values: Float64Array): Float64Array {
  return values.filter(Number.isFinite);
}

function tooFew(): LabError {
  return new LabError('hub.conflict', 'There are not enough samples yet. Start the acquisition, or wait.');
}
