import { LabError } from '../../core/errors.ts';
import type { Equipment } from '../bench/equipment.ts';
import type { HubBench } from '../bench/hub-bench.ts';

/**
 * The equipment of an id, or of the name people gave it: clients are configured with names (`oscilloscope_1`), ids are made from serial numbers. Throws hub.no-equipment.
 */
export function findEquipment(bench: HubBench, id: string): Equipment {
  const found = bench.equipment.find((one) => one.id === id);
  if (found) return found;
  const named = bench.equipment.filter(({ instrument }) => instrument.label === id);
  if (named.length === 1 && named[0]) return named[0];
  const known = bench.equipment.map((one) => `'${one.id}'`).join(', ');
  throw new LabError(
    'hub.no-equipment',
    `Equipment ${id.slice(0, 100)} not found. Available: [${known.slice(0, 2000)}]. Nothing was done.`,
  );
}
