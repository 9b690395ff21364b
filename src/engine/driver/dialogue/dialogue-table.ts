import { LabError } from '../../../core/errors.ts';
import { bk1685Dialogue } from './bk-1685.ts';
import type { Dialogue } from './dialogue.ts';
import { koradDialogue } from './korad.ts';

const DIALOGUES: Readonly<Record<string, Dialogue>> = { 'bk-1685': bk1685Dialogue, korad: koradDialogue };

/** Throws `driver.malformed` for a name that is not in the table. */
export function dialogueOf(name: string): Dialogue {
  const found = Object.hasOwn(DIALOGUES, name) ? DIALOGUES[name] : undefined;
  if (found) return found;
  throw new LabError('driver.malformed', `There is no dialog named '${name}'. The file is not used; correct it.`, {
    dialog: name,
  });
}
