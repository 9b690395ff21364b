import type { AttachOptions, FoundInstrument } from '../../contract/discovery-schema.ts';
import { LabError } from '../../core/errors.ts';
import { toast } from '../actions.ts';
import { call } from '../engine-link.ts';
import { plural } from '../text-format.ts';

/** Attaches one by its first resource that opens, or by this one; throws the error of the last one tried. */
export async function attachOne(found: FoundInstrument, only?: string, options?: AttachOptions): Promise<void> {
  let error = new LabError('resource.unsupported', `${found.name} has no address that can be opened here.`);
  for (const resource of only === undefined ? found.resources : [only]) {
    try {
      await call('instrument.open', { resource, ...(options ? { options } : {}) });
      return;
    } catch (thrown) {
      error = LabError.from(thrown);
    }
  }
  throw error;
}

/** Attaches all that can be, at once; says what failed. Gives the failures by name. */
export async function attachAll(list: readonly FoundInstrument[]): Promise<Map<string, LabError>> {
  const failures = new Map<string, LabError>();
  const open = list.filter((found) => found.state === 'available');
  await Promise.all(
    open.map((found) =>
      attachOne(found).catch((thrown: unknown) => {
        failures.set(found.key, LabError.from(thrown));
      }),
    ),
  );
  if (failures.size > 0) {
    toast({
      severity: 'warning',
      text: `${plural(failures.size, 'instrument')} of ${open.length} could not be attached: ${[...failures.values()][0]?.message ?? ''}`,
      code: [...failures.values()][0]?.code,
    });
  }
  return failures;
}
