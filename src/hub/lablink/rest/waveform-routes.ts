import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import type { Equipment } from '../../bench/equipment.ts';
import { isoTime } from '../../server-time.ts';
import type { Capture } from '../capture-desk.ts';
import { findEquipment } from '../find-equipment.ts';
import { needReadings } from '../read-right.ts';
import { NOT_MEASURED, waveformFigures } from '../waveform-figures.ts';
import { waveformData } from '../waveform-shape.ts';
import { type AddRoutes, anyObject, done, pathText } from './route.ts';

const CONTROL = { right: 'control' as const };
const tags = ['waveform'];
const channelNumber = z.int().min(1).max(64);
const channelPath = z.object({
  equipment_id: pathText,
  channel: z.coerce.number().int().min(1).max(64),
});

/** Waveforms with their samples, and what is measured from them. */
export const addWaveformRoutes: AddRoutes = (app, place) => {
  const { bench } = place.parts;
  app.post(
    '/api/waveform/capture',
    {
      config: CONTROL,
      schema: {
        tags,
        body: z.object({
          equipment_id: pathText,
          config: z.object({
            channel: channelNumber,
            num_averages: z.int().min(1).default(1),
            high_resolution: z.boolean().default(false),
            interpolation: z.boolean().default(false),
            single_shot: z.boolean().default(false),
            reduce_points: z.int().min(2).max(1_000_000).nullish(),
            apply_smoothing: z.boolean().default(false),
          }),
        }),
        response: { 200: anyObject },
      },
    },
    async ({ principal, body: { equipment_id, config } }) => {
      const { channel, num_averages, high_resolution, interpolation, single_shot } = config;
      if (num_averages > 1 || high_resolution || interpolation || single_shot)
        throw new LabError(
          'hub.unsupported',
          'Averaging, high resolution, interpolation and single shot are settings of the oscilloscope: set them there, then capture. Nothing was taken.',
        );
      const equipment = findEquipment(bench, equipment_id);
      const capture = await place.captures.capture(principal, equipment, channel);
      const options = { reducePoints: config.reduce_points ?? undefined, isSmoothed: config.apply_smoothing };
      return { ...waveformData(equipment, capture, options) };
    },
  );
  app.get(
    '/api/waveform/cached/:equipment_id/:channel',
    { schema: { tags, params: channelPath, response: { 200: anyObject } } },
    async ({ principal, params }) => {
      needReadings(place.parts, principal);
      const equipment = findEquipment(bench, params.equipment_id);
      const capture = await place.captures.newest(equipment, params.channel);
      if (!capture) throw none(params.channel);
      return { ...waveformData(equipment, capture, { isSmoothed: false }) };
    },
  );
  app.delete(
    '/api/waveform/cache/:equipment_id',
    { config: CONTROL, schema: { tags, params: z.object({ equipment_id: pathText }), response: { 200: done } } },
    ({ params }) => {
      const count = place.captures.forget(findEquipment(bench, params.equipment_id).id);
      return { success: true, message: `${count} waveforms forgotten by the hub; the bench keeps its newest` };
    },
  );
  app.post(
    '/api/waveform/measurements',
    {
      schema: {
        tags,
        body: z.object({ equipment_id: pathText, channel: channelNumber, use_cached: z.boolean().default(true) }),
        response: { 200: anyObject },
      },
    },
    async ({ principal, body: { equipment_id, channel, use_cached } }) => {
      needReadings(place.parts, principal);
      const equipment = findEquipment(bench, equipment_id);
      const newest = use_cached ? await place.captures.newest(equipment, channel) : undefined;
      return measured(equipment, newest ?? (await place.captures.capture(principal, equipment, channel)));
    },
  );
  app.get(
    '/api/waveform/measurements/:equipment_id/:channel',
    { schema: { tags, params: channelPath, response: { 200: anyObject } } },
    async ({ principal, params }) => {
      needReadings(place.parts, principal);
      const equipment = findEquipment(bench, params.equipment_id);
      const newest = await place.captures.newest(equipment, params.channel);
      if (!newest) throw none(params.channel);
      return measured(equipment, newest);
    },
  );
};

function measured({ id }: Equipment, { channel, timeNs, samples, dtS }: Capture): Record<string, unknown> {
  return {
    equipment_id: id,
    channel,
    timestamp: isoTime(timeNs),
    ...Object.fromEntries(NOT_MEASURED.map((name) => [name, null])),
    ...waveformFigures(samples, dtS),
  };
}

function none(channel: number): LabError {
  return new LabError('hub.unknown', `No cached waveform for channel ${channel}. Capture one first.`);
}
