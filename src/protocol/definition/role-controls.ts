import type { Role } from '../../core/instrument.ts';
import type { ResolvedControl } from './resolved.ts';

/** What a control of a role is whatever the maker. */
export interface RoleControl {
  kinds: readonly ResolvedControl['kind'][];
  unit?: string;
  /** Limits must be known although the role does not ask for them everywhere. */
  isLimited?: boolean;
}

const number = (unit: string, isLimited = false): RoleControl => ({ kinds: ['number'], unit, isLimited });
const a = (...kinds: ResolvedControl['kind'][]): RoleControl => ({ kinds });

/** Ids that mean the same on every instrument of a role (docs/instruments.md). A family may have more, and need not have all. */
export const ROLE_CONTROLS: Readonly<Partial<Record<Role, Readonly<Record<string, RoleControl>>>>> = {
  supply: {
    'voltage.set': number('V'),
    'current.set': number('A'),
    output: a('switch'),
    // Of a source-measure unit: which of the two is the source, the other its limit.
    source: a('choice'),
    'ovp.level': number('V'),
    'ovp.enabled': a('switch'),
    'ocp.level': number('A'),
    'ocp.enabled': a('switch'),
    'protection.clear': a('action'),
  },
  meter: { function: a('choice'), range: a('range', 'choice'), nplc: a('choice', 'number') },
  load: {
    mode: a('choice'),
    'level.cc': number('A'),
    'level.cv': number('V'),
    'level.cr': number('Ohm'),
    'level.cp': number('W'),
    input: a('switch'),
  },
  scope: {
    display: a('switch'),
    scale: number('V', true),
    offset: number('V'),
    coupling: a('choice'),
    'timebase.scale': number('s', true),
    'timebase.offset': number('s'),
    'trigger.source': a('choice'),
    'trigger.level': number('V'),
    'trigger.slope': a('choice'),
    acquire: a('choice'),
  },
};
