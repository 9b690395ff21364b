import { basename, dirname, join } from 'node:path';
import type { Disk } from './disk.ts';
import { FILE_EXTENSION, PART_SUFFIX } from './file-layout.ts';
import type { PartIndex } from './part-index.ts';
import { peekHead } from './part-peek.ts';
import type { MemberPart, PartHead } from './recording-about.ts';

/** Files opened at a time. */
const AT_ONCE = 16;

/** Opens one file; rejects if it cannot be read. */
export type OpenPart = (path: string) => Promise<PartIndex>;

/**
 * Opens the other files of the recording of the first part, and adds them: those given, and those called like it in the same folder. They are told
 * by the id they carry; what cannot be opened is not there.
 */
export async function addSiblings(
  disk: Disk,
  parts: PartIndex[],
  given: readonly string[],
  open: OpenPart,
): Promise<void> {
  const first = parts[0];
  if (!first) return;
  const stems = stemsOf(basename(first.path));
  const names = await recordingsIn(disk, dirname(first.path));
  const like = names.filter((path) => stemsOf(basename(path)).some((stem) => stems.includes(stem)));
  await addWanted(disk, [...given, ...like], parts, ({ id }) => id === first.head.id, open);
}

/**
 * Opens the members (parts of another recording that are parts of this one too) that lie in the same folder, and adds them. Of several copies the one that
 * is called like the recording: the others are those of other recordings.
 */
export async function addMembers(disk: Disk, parts: PartIndex[], open: OpenPart): Promise<void> {
  const heads = parts.filter(({ head }) => head.members.length > 0);
  const isWanted = (head: PartHead): boolean => lackedMembers(parts).some((member) => isMember(head, member));
  for (const folder of new Set(heads.map(({ path }) => dirname(path)))) {
    const stems = heads.flatMap(({ path }) => stemsOf(basename(path)));
    const isLike = (path: string): boolean => stemsOf(basename(path)).some((stem) => stems.includes(stem));
    const paths = await recordingsIn(disk, folder);
    for (const some of [paths.filter(isLike), paths.filter((path) => !isLike(path))]) {
      if (lackedMembers(parts).length > 0) await addWanted(disk, some, parts, isWanted, open);
    }
  }
}

/** Members that the heads name and that are not among the parts. */
export function lackedMembers(parts: readonly PartIndex[]): MemberPart[] {
  const members = parts.flatMap(({ head }) => head.members);
  return members.filter((member) => !parts.some(({ head }) => isMember(head, member)));
}

export function isMember({ id, part }: PartHead, member: MemberPart): boolean {
  return id === member.recording && part === member.part;
}

async function addWanted(
  disk: Disk,
  paths: Iterable<string>,
  parts: PartIndex[],
  isWanted: (head: PartHead) => boolean,
  open: OpenPart,
): Promise<void> {
  const others = [...new Set(paths)].filter((path) => parts.every((part) => part.path !== path));
  const heads = await sideBySide(others, (path) => headOf(disk, path));
  const wanted = others.filter((_, at) => {
    const head = heads[at];
    if (!head || !isWanted(head)) return false;
    // A copy is no other part.
    const isSame = (other: PartHead | undefined): boolean => other?.id === head.id && other.part === head.part;
    return !parts.some((part) => isSame(part.head)) && heads.findIndex(isSame) === at;
  });
  for (const part of await sideBySide(wanted, (path) => open(path).catch(() => undefined))) if (part) parts.push(part);
}

/** Does the same with each, some at a time; results in their order. */
async function sideBySide<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))));
  }
  return results;
}

/** Which part of which recording a file is, at the cost of a look; undefined if it cannot be read or does not say. */
export async function headOf(disk: Disk, path: string): Promise<PartHead | undefined> {
  const file = await disk.open(path, 'read').catch(() => undefined);
  if (!file) return undefined;
  try {
    return await peekHead(file).catch(() => undefined);
  } finally {
    await file.close().catch(() => undefined);
  }
}

async function recordingsIn(disk: Disk, folder: string): Promise<string[]> {
  const names = await disk.list(folder).catch(() => []);
  return names
    .filter((name) => name.endsWith(FILE_EXTENSION) || name.endsWith(FILE_EXTENSION + PART_SUFFIX))
    .map((name) => join(folder, name));
}

/** `night 3-0002.mcap` is a part of `night 3`; `night 3.mcap` is `night 3`, or `night` where that name was taken. */
function stemsOf(name: string): string[] {
  const whole = name.replace(/\.part$/, '').replace(/\.mcap$/, '');
  const free = whole.replace(/ \d+$/, '');
  return [...new Set([whole, free].map((stem) => stem.replace(/-\d{4}$/, '')))];
}
