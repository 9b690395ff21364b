import { basename } from 'node:path';
import type { MemberPart } from './recording-about.ts';

/** A file of a folder as far as it says what it belongs to. */
export interface GroupedFile {
  path: string;
  /** Of the recording. */
  id: string;
  part: number;
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

/** Whether a file has the name of a later part of the recording that begins with `first`. */
export function isCalledLike(path: string, first: string): boolean {
  const stem = basename(first)
    .replace(/\.part$/, '')
    .replace(/\.mcap$/, '');
  const rest = basename(path).slice(stem.length);
  return basename(path).startsWith(stem) && /^-\d{4,}( \d+)?\.mcap(\.part)?$/.test(rest);
}

function memberName({ recording, part }: MemberPart): string {
  return `${part}\n${recording}`;
}
