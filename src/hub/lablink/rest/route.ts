import { z } from 'zod';
import type { HubApp } from '../../server/door.ts';
import type { LabLinkPlace } from '../place.ts';

/** Adds a family of routes. */
export type AddRoutes = (app: HubApp, place: LabLinkPlace) => void;

/** `{success, message}`, and whatever else belongs to it. */
export const done = z.looseObject({ success: z.boolean(), message: z.string() });

/** An object whose keys are the instrument's or the engine's. */
export const anyObject = z.record(z.string(), z.unknown());

/** A name or id in a path. */
export const pathText = z.string().min(1).max(300);

export const equipmentPath = z.object({ equipment_id: pathText });

/** A number in a query. */
export const queryNumber = z.coerce.number();
export const queryCount = (most: number, fallback: number) =>
  z.coerce.number().int().min(1).max(most).default(fallback);
