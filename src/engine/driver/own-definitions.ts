import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { systemCode } from '../recording/disk.ts';
import type { EventLog } from '../state/event-log.ts';
import { type DefinitionWatch, openDefinitionWatch } from './definition-watch.ts';
import { familyCatalog } from './driver-table.ts';

/**
 * A person's own definitions, in `instruments` of the data folder: in force as soon as they are written, and said among the events. Never throws: where
 * there can be no such folder (a file has its name) that is said, and the built-in definitions are used.
 */
export function openOwnDefinitions(dataFolder: string, clock: Clock, events: EventLog): DefinitionWatch {
  const folder = join(dataFolder, 'instruments');
  const problem = folderProblem(folder);
  if (problem !== undefined) {
    events.add({
      kind: 'status',
      severity: 'warning',
      text: `Your own definitions of instruments cannot be read: there is no folder ${folder} and it cannot be made (${problem}). The built-in ones are used. Move what is in its place away, then start Labwire again.`,
      data: { code: 'driver.malformed' },
    });
  }
  return openDefinitionWatch({
    folder,
    layer: 'own',
    catalog: familyCatalog(),
    clock,
    failed: (error) => {
      if (problem !== undefined) return;
      events.add({ kind: 'status', severity: 'warning', text: error.message, data: { code: error.code } });
    },
    changed: (ids) =>
      events.add({
        kind: 'status',
        severity: 'info',
        text: `Definitions of instruments changed: ${ids.join(', ')}. They are used from the next attach on.`,
        data: { ids: [...ids] },
      }),
  });
}

/** Why the folder cannot be made; undefined: it is there. */
function folderProblem(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true });
    return undefined;
  } catch (error) {
    return systemCode(error) || String(error);
  }
}
