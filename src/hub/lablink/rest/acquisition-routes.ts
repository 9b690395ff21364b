import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import type { Acquisition } from '../../acquisition/acquisition.ts';
import { acquisitionStats, acquisitionWindow, timeOrNull } from '../../acquisition/acquisition-shape.ts';
import { isoTime } from '../../server-time.ts';
import { findEquipment } from '../find-equipment.ts';
import { needAcquisitions } from '../read-right.ts';
import { type AddRoutes, anyObject, done, pathText } from './route.ts';

const CONTROL = { right: 'control' as const };
const tags = ['acquisition'];
export const acquisitionPath = z.object({ acquisition_id: pathText });
const MODES = ['continuous', 'single_shot', 'triggered'] as const;
const FORMATS = ['csv', 'json', 'npy', 'hdf5'] as const;
/** Rows of one answer. */
const MAX_ROWS = 100_000;

const createBody = z.object({
  equipment_id: pathText,
  name: z.string().max(200).nullish(),
  description: z.string().max(2000).nullish(),
  mode: z.enum(MODES).default('continuous'),
  sample_rate: z.number().positive().max(1_000_000).default(1),
  num_samples: z.int().min(1).max(1_000_000_000).nullish(),
  duration_seconds: z.number().positive().max(31_536_000).nullish(),
  channels: z.array(z.string().min(1).max(100)).min(1).max(32).default(['CH1']),
  buffer_size: z.int().min(100).max(1_000_000).default(10_000),
  auto_export: z.boolean().default(false),
  export_format: z.enum(FORMATS).default('csv'),
});

/** Samples of an equipment gathered in the hub. */
export const addAcquisitionRoutes: AddRoutes = (app, place) => {
  const { bench, clock } = place.parts;
  app.post(
    '/api/acquisition/session/create',
    { config: CONTROL, schema: { tags, body: createBody, response: { 200: done } } },
    ({ principal, body }) => {
      needAcquisitions(place.parts, principal);
      const equipment = findEquipment(bench, body.equipment_id);
      if (body.mode === 'triggered')
        throw new LabError(
          'hub.unsupported',
          'Acquisitions with a trigger are not offered here: set the trigger of the oscilloscope and capture, or set an alarm. Nothing was made.',
        );
      if (body.auto_export)
        throw new LabError(
          'hub.unsupported',
          'Acquisitions are not written to files by themselves: GET …/export gives them, and recordings keep everything. Nothing was made.',
        );
      const acquisition = place.acquisitions.create(equipment, {
        name: body.name ?? null,
        description: body.description ?? null,
        mode: body.mode,
        sampleRateHz: body.sample_rate,
        numSamples: body.num_samples ?? undefined,
        durationS: body.duration_seconds ?? undefined,
        channels: body.channels,
        bufferSize: body.buffer_size,
      });
      const { id: acquisition_id, state } = acquisition;
      return { success: true, message: 'Acquisition session created', acquisition_id, state };
    },
  );
  for (const [action, word] of [
    ['start', 'started'],
    ['stop', 'stopped'],
    ['pause', 'paused'],
    ['resume', 'resumed'],
  ] as const)
    app.post(
      `/api/acquisition/session/:acquisition_id/${action}`,
      { config: CONTROL, schema: { tags, params: acquisitionPath, response: { 200: done } } },
      ({ principal, params: { acquisition_id } }) => {
        needAcquisitions(place.parts, principal);
        place.acquisitions.get(acquisition_id)[action]();
        return { success: true, message: `Acquisition ${word}`, acquisition_id };
      },
    );
  app.get(
    '/api/acquisition/session/:acquisition_id/status',
    { schema: { tags, params: acquisitionPath, response: { 200: anyObject } } },
    ({ principal, params }) => {
      needAcquisitions(place.parts, principal);
      return statusOf(place.acquisitions.get(params.acquisition_id), clock.nowNs());
    },
  );
  app.get(
    '/api/acquisition/session/:acquisition_id/data',
    {
      schema: {
        tags,
        params: acquisitionPath,
        querystring: z.object({ num_samples: z.coerce.number().int().min(1).max(MAX_ROWS).default(MAX_ROWS) }),
        response: { 200: anyObject },
      },
    },
    ({ principal, params, query }) => {
      needAcquisitions(place.parts, principal);
      const acquisition = place.acquisitions.get(params.acquisition_id);
      const { count, ...data } = acquisitionWindow(acquisition, query.num_samples);
      const channels = acquisition.config.channels.map(({ word }) => word);
      return { acquisition_id: acquisition.id, channels, data, count };
    },
  );
  app.get('/api/acquisition/sessions', { schema: { tags, response: { 200: anyObject } } }, ({ principal }) => {
    needAcquisitions(place.parts, principal);
    const sessions = place.acquisitions.all.map(({ id, config, state, createdNs, ring }) => ({
      acquisition_id: id,
      equipment_id: config.equipment,
      name: config.name,
      state,
      mode: config.mode,
      created_at: isoTime(createdNs),
      total_samples: ring.total,
    }));
    return { sessions, count: sessions.length };
  });
  app.delete(
    '/api/acquisition/session/:acquisition_id',
    { config: CONTROL, schema: { tags, params: acquisitionPath, response: { 200: done } } },
    ({ principal, params: { acquisition_id } }) => {
      needAcquisitions(place.parts, principal);
      place.acquisitions.remove(acquisition_id);
      return { success: true, message: 'Acquisition session deleted', acquisition_id };
    },
  );
  app.post(
    '/api/acquisition/export',
    {
      schema: {
        tags,
        body: z.object({
          acquisition_id: pathText,
          format: z.enum(FORMATS).default('csv'),
          filepath: z.string().max(4000).nullish(),
        }),
        response: { 200: done },
      },
    },
    ({ principal, body: { acquisition_id, format, filepath } }) => {
      needAcquisitions(place.parts, principal);
      needFormat(format);
      if (filepath)
        throw new LabError(
          'call.invalid',
          'Clients choose no paths on the server. Leave filepath out and download the file.',
        );
      const { id } = place.acquisitions.get(acquisition_id);
      return {
        success: true,
        message: 'Ready to be downloaded',
        filepath: `${id}.${format}`,
        format,
        download_url: `/api/acquisition/session/${id}/export?format=${format}`,
      };
    },
  );
  app.get(
    '/api/acquisition/session/:acquisition_id/export',
    {
      schema: { tags, params: acquisitionPath, querystring: z.object({ format: z.enum(FORMATS).default('csv') }) },
    },
    ({ principal, params, query: { format } }, reply) => {
      needAcquisitions(place.parts, principal);
      needFormat(format);
      const acquisition = place.acquisitions.get(params.acquisition_id);
      const text = format === 'csv' ? csvOf(acquisition) : JSON.stringify(jsonOf(acquisition, clock.nowNs()));
      return reply
        .type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json')
        .header('content-disposition', `attachment; filename="${acquisition.id}.${format}"`)
        .send(text);
    },
  );
};

function needFormat(format: (typeof FORMATS)[number]): void {
  if (format === 'csv' || format === 'json') return;
  throw new LabError(
    'hub.unsupported',
    `Acquisitions are given as csv or json, not as ${format}. Record, then export the recording: it knows more formats.`,
  );
}

function statusOf(acquisition: Acquisition, nowNs: bigint): Record<string, unknown> {
  const { id, config, state, createdNs, startedNs, stoppedNs, fault } = acquisition;
  return {
    acquisition_id: id,
    equipment_id: config.equipment,
    state,
    ...(fault === '' ? {} : { error: fault }),
    config: {
      acquisition_id: id,
      equipment_id: config.equipment,
      name: config.name,
      description: config.description,
      mode: config.mode,
      sample_rate: config.sampleRateHz,
      num_samples: config.numSamples ?? null,
      duration_seconds: config.durationS ?? null,
      channels: config.channels.map(({ word }) => word),
      trigger_config: { trigger_type: 'immediate', level: null, edge: null, channel: null, pre_trigger_samples: 0 },
      buffer_size: config.bufferSize,
      auto_export: false,
      export_format: 'csv',
      export_path: null,
      metadata: {},
    },
    stats: acquisitionStats(acquisition, nowNs),
    created_at: isoTime(createdNs),
    started_at: timeOrNull(startedNs),
    stopped_at: timeOrNull(stoppedNs),
  };
}

function csvOf(acquisition: Acquisition): string {
  const { timestamps, values } = acquisitionWindow(acquisition, acquisition.ring.length);
  const words = acquisition.config.channels.map(({ word }) => word);
  const quoted = words.map((word) => `"${word.replaceAll('"', '""')}"`);
  const rows = timestamps.map((time, row) => [time, ...words.map((word) => values[word]?.[row] ?? '')].join(','));
  return `${[['timestamp', ...quoted].join(','), ...rows].join('\r\n')}\r\n`;
}

function jsonOf(acquisition: Acquisition, nowNs: bigint): Record<string, unknown> {
  const { count, ...data } = acquisitionWindow(acquisition, acquisition.ring.length);
  return { ...statusOf(acquisition, nowNs), data, count };
}
