import { readFileSync } from 'node:fs';

/** Id of the hub that shares this bench, from where that keeps it; none while the bench was never shared. A list, because hubs name all they pass on to. */
export function hubIds(path: string): readonly string[] {
  try {
    const id = readFileSync(path, 'utf8').trim();
    return /^[0-9a-f-]{36}$/.test(id) ? [id] : [];
  } catch {
    return [];
  }
}
