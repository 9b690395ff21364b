import { basename } from 'node:path';
import type { Upload } from '../../contract/upload-schema.ts';

const SHOWN = 3;
const AS = ' as ';

/** Where a recording lies: the folder, and under which names where these are not its own. */
export function whereUploaded(url: string, parts: readonly Pick<Upload, 'path' | 'remote'>[]): string {
  // Those done before names were told have their own.
  const other = parts.filter(({ path, remote }) => remote !== '' && remote !== basename(path));
  if (other.length === 0) return url;
  const names = other.slice(0, SHOWN).map(({ remote }) => `“${remote}”`);
  const more = other.length > SHOWN ? ` and ${other.length - SHOWN} more` : '';
  return `${url}${AS}${names.join(', ')}${more}, since its name was taken there`;
}

/** Whether a recording said to lie there lies in that folder. */
export function isUploadedTo(url: string, where: string | null): boolean {
  return where === url || (where?.startsWith(`${url}${AS}“`) ?? false);
}
