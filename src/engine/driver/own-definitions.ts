import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { EventLog } from '../state/event-log.ts';
import { type DefinitionWatch, openDefinitionWatch } from './definition-watch.ts';
import { familyCatalog } from './driver-table.ts';

/**
 * A person's own definitions, in `instruments` of the data folder: in force as soon as they are written, and said among the events. Throws what the
 * system says when the folder cannot be made.
 */
export function openOwnDefinitions(dataFolder: string, clock: Clock, events: EventLog): DefinitionWatch {
  const folder = join(dataFolder, 'instruments');
  mkdirSync(folder, { recursive: true });
  return openDefinitionWatch({
    folder,
    layer: 'own',
    catalog: familyCatalog(),
    clock,
    failed: (error) =>
      events.add({ kind: 'status', severity: 'warning', text: error.message, data: { code: error.code } }),
    changed: (ids) =>
      events.add({
        kind: 'status',
        severity: 'info',
        text: `Definitions of instruments changed: ${ids.join(', ')}. They are used from the next attach on.`,
        data: { ids: [...ids] },
      }),
  });
}
