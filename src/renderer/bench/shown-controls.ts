import type { InstrumentState } from '../../contract/instrument-schema.ts';
import type { Control, Role } from '../../core/instrument.ts';

type Shown = Pick<InstrumentState, 'role' | 'controls' | 'values'>;

/** What the card of a role shows of one output or channel, as the id without its group. */
const SHOWN_OF_GROUP: Partial<Record<Role, RegExp>> = {
  supply: /^(voltage\.set|current\.set|output|(ovp|ocp)\.(level|enabled)|protection\.clear)$/,
};

/**
 * Controls that the card of the role has no place for. Families offer more than the role asks for (`output.all` of an HMP, `ch1.source` of a
 * source-measure unit), and what cannot be found on the card cannot be set.
 */
export function otherControls(instrument: Shown): Control[] {
  return instrument.controls.filter((control) => !isShown(instrument, control));
}

function isShown({ role, values }: Shown, { id, group, kind }: Control): boolean {
  switch (role) {
    case 'supply':
      return group !== '' && (SHOWN_OF_GROUP.supply?.test(id.slice(group.length + 1)) ?? false);
    case 'load': {
      const mode = String(values.mode?.readBack ?? values.mode?.asked ?? 'cc').toLowerCase();
      return id === 'mode' || id === 'input' || id === `level.${mode}`;
    }
    case 'meter':
      return kind === 'choice' && ['function', 'range', 'nplc'].includes(id);
    // Their cards list every control.
    case 'scope':
    case 'stream':
      return true;
    case 'unknown':
      return false;
  }
}

const SHOWN_LAMPS: Record<Role, RegExp> = {
  supply: /\.(mode|tripped)$/,
  load: /^(mode|tripped)$/,
  meter: /^(range|channel)$/,
  scope: /^(trigger\.state|acquire)$/,
  stream: /^$/,
  unknown: /^$/,
};

/** Lamps that the card of the role has no place for, as words; those that say nothing are left out. */
export function otherLamps({ role, status }: Pick<InstrumentState, 'role' | 'status'>): { id: string; word: string }[] {
  return Object.entries(status)
    .filter(([id, word]) => word !== '' && !SHOWN_LAMPS[role].test(id))
    .map(([id, word]) => ({ id, word }));
}
