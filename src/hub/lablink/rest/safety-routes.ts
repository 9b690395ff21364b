import { z } from 'zod';
import type { LabEvent } from '../../../contract/recording-schema.ts';
import { isoTime } from '../../server-time.ts';
import { findEquipment } from '../find-equipment.ts';
import type { LabLinkPlace } from '../place.ts';
import type { StopState } from '../stop-latch.ts';
import { type AddRoutes, anyObject, equipmentPath, queryCount } from './route.ts';

const CONTROL = { right: 'control' as const };
const tags = ['safety'];
const stopAnswer = z.object({
  success: z.boolean(),
  message: z.string(),
  active: z.boolean(),
  stop_time: z.string().nullable(),
  equipment_count: z.int(),
  /** Each output that was switched off, and whether the read-back confirms it. */
  results: z.array(
    z.object({ equipment_id: z.string(), channel: z.string(), confirmed: z.boolean(), reason: z.string().nullable() }),
  ),
});

/** The emergency stop, and what happened for safety's sake. */
export const addSafetyRoutes: AddRoutes = (app, place) => {
  const { bench } = place.parts;
  app.post(
    '/api/safety/emergency-stop/activate',
    { config: CONTROL, schema: { tags, response: { 200: stopAnswer } } },
    async ({ principal }) => {
      const state = await place.stop.activate(principal);
      const open = state.results.filter(({ confirmed }) => !confirmed).length;
      const message =
        open === 0
          ? `Emergency stop activated - ${state.results.length} outputs disabled, each confirmed`
          : `Emergency stop activated - ${open} of ${state.results.length} outputs did NOT confirm: treat them as on`;
      return answer(place, state, open === 0, message);
    },
  );
  app.post(
    '/api/safety/emergency-stop/deactivate',
    { config: CONTROL, schema: { tags, response: { 200: stopAnswer } } },
    async ({ principal }) => {
      const { results } = place.stop.state;
      const wasActive = await place.stop.deactivate(principal);
      const message = wasActive
        ? 'Emergency stop deactivated - outputs remain disabled'
        : 'Emergency stop was not active';
      const { isActive, sinceNs } = place.stop.state;
      // Another stop may have come meanwhile.
      return answer(place, { isActive, sinceNs, results }, true, message);
    },
  );
  app.get('/api/safety/emergency-stop/status', { schema: { tags, response: { 200: stopAnswer } } }, () =>
    answer(place, place.stop.state, true, 'Emergency stop status retrieved'),
  );
  app.get(
    '/api/safety/status',
    {
      schema: {
        tags,
        response: {
          200: z.object({
            emergency_stop_active: z.boolean(),
            stopped_equipment: z.array(z.string()),
            equipment_with_safety: z.int(),
            total_equipment: z.int(),
          }),
        },
      },
    },
    () => {
      const { isActive, results } = place.stop.state;
      const stopped = new Set(results.map(({ instrument }) => instrument));
      const guarded = new Set(
        bench.state.safety.devices.flatMap(({ outputs }) => outputs.map((one) => one.instrument)),
      );
      const ids = (of: ReadonlySet<string>) =>
        bench.equipment.filter(({ instrument }) => of.has(instrument.id)).map(({ id }) => id);
      return {
        emergency_stop_active: isActive,
        stopped_equipment: isActive ? ids(stopped) : [],
        equipment_with_safety: ids(guarded).length,
        total_equipment: bench.equipment.length,
      };
    },
  );
  app.get(
    '/api/safety/events/:equipment_id',
    {
      schema: {
        tags,
        params: equipmentPath,
        querystring: z.object({ limit: queryCount(200, 100) }),
        response: { 200: z.object({ equipment_id: z.string(), events: z.array(anyObject), count: z.int() }) },
      },
    },
    ({ params, query }) => {
      const { id, instrument } = findEquipment(bench, params.equipment_id);
      const events = bench.state.events
        .filter((event) => isSafety(event) && (event.instrument === undefined || event.instrument === instrument.id))
        .slice(-query.limit)
        .map((event) => ({ event_type: event.kind, message: event.text, timestamp: isoTime(BigInt(event.t)) }));
      return { equipment_id: id, events, count: events.length };
    },
  );
};

function isSafety({ kind }: LabEvent): boolean {
  return kind === 'safety' || kind === 'outputs-off' || kind === 'trip';
}

function answer(
  { parts: { bench } }: LabLinkPlace,
  state: StopState,
  success: boolean,
  message: string,
): z.infer<typeof stopAnswer> {
  const names = new Map(bench.equipment.map(({ id, instrument }) => [instrument.id, id]));
  return {
    success,
    message,
    active: state.isActive,
    stop_time: state.sinceNs === undefined ? null : isoTime(state.sinceNs),
    equipment_count: new Set(state.results.map(({ instrument }) => instrument)).size,
    results: state.results.map(({ instrument, group, confirmed, reason }) => ({
      equipment_id: names.get(instrument) ?? instrument,
      channel: group,
      confirmed,
      reason: reason ?? null,
    })),
  };
}
