import { basename } from 'node:path';
import { fileStem, partStem } from './file-name.ts';
import type { MemberPart } from './recording-about.ts';

/** A file of a folder as far as it says what it belongs to. */
export interface GroupedFile {
  path: string;
  /** Of the recording. */
  id: string;
  part: number;
  /** Of the recording, as the file says. */
  name: string;
  /** Parts of another recording that belong to it. */
  members: readonly MemberPart[];
}

/**
 * The files of a folder by recording. A file that another recording names as its member belongs to that one, and to no other: of several copies each
 * recording gets the one that is called like it.
 */
export function groupFiles<F extends GroupedFile>(files: readonly F[]): Map<string, F[]> {
  const claimed = new Map<string, F[]>();
  const taken = new Set<F>();
  const byMember = new Map<string, F[]>();
  for (const file of files) {
    const name = memberName({ recording: file.id, part: file.part });
    byMember.set(name, [...(byMember.get(name) ?? []), file]);
  }
  for (const head of files) {
    for (const member of head.members) {
      const copies = byMember.get(memberName(member)) ?? [];
      const own = copies.find((copy) => isCalledLike(copy.path, head.path));
      const found = own ?? copies.find((copy) => !taken.has(copy)) ?? copies[0];
      if (!found) continue;
      taken.add(found);
      claimed.set(head.id, [...(claimed.get(head.id) ?? []), found]);
    }
  }
  const groups = new Map<string, F[]>();
  for (const file of files) {
    if (!taken.has(file)) groups.set(file.id, [...(groups.get(file.id) ?? []), file]);
  }
  for (const [id, members] of claimed) groups.set(id, [...(groups.get(id) ?? []), ...members]);
  return groups;
}

/**
 * Of several files that are the same part of the same recording, one belongs to it: the one that is called as it says, else the one with the shortest
 * name. The others are copies, each for itself: taken out of its group and given.
 */
export function takeCopies<F extends GroupedFile>(groups: Map<string, F[]>): F[] {
  const copies: F[] = [];
  for (const [id, files] of groups) {
    const ranked = [...files].sort(
      (a, b) =>
        Number(isCalledAsItSays(b)) - Number(isCalledAsItSays(a)) ||
        a.path.length - b.path.length ||
        (a.path < b.path ? -1 : 1),
    );
    const taken = new Map<string, F>();
    for (const file of ranked) {
      const part = memberName({ recording: file.id, part: file.part });
      if (taken.has(part)) copies.push(file);
      else taken.set(part, file);
    }
    if (taken.size < files.length) {
      const own = new Set(taken.values());
      groups.set(
        id,
        files.filter((file) => own.has(file)),
      );
    }
  }
  return copies;
}

function isCalledAsItSays({ path, name, part }: GroupedFile): boolean {
  return stemOf(path) === partStem(fileStem(name), part);
}

function stemOf(path: string): string {
  return basename(path)
    .replace(/\.part$/, '')
    .replace(/\.mcap$/, '');
}

/** Whether a file has the name of a later part of the recording that begins with `first`. */
export function isCalledLike(path: string, first: string): boolean {
  const stem = stemOf(first);
  const rest = basename(path).slice(stem.length);
  return basename(path).startsWith(stem) && /^-\d{4,}( \d+)?\.mcap(\.part)?$/.test(rest);
}

function memberName({ recording, part }: MemberPart): string {
  return `${part}\n${recording}`;
}
