import type { PartIndex } from './part-index.ts';
import type { MemberPart, RepeatedPart } from './recording-about.ts';
import { isMember, lackedMembers } from './recording-parts.ts';

/**
 * The parts of one recording in their order, with the members behind the part that names them, all under the id and name of the recording and
 * numbered through. A member that is not there is a problem of the part that names it.
 */
export function orderParts(parts: readonly PartIndex[]): PartIndex[] {
  const members = parts.flatMap(({ head }) => head.members);
  const isOwn = (part: PartIndex): boolean => !members.some((member) => isMember(part.head, member));
  const own = parts.filter(isOwn).sort((a, b) => a.head.part - b.head.part);
  const first = own[0];
  if (!first || members.length === 0) return own;
  const ordered: { part: PartIndex; number: number }[] = [];
  let shift = 0;
  for (const part of own) {
    ordered.push({ part: withProblems(part, lackedMembers([part, ...parts])), number: part.head.part + shift });
    for (const member of part.head.members) {
      const found = parts.find(({ head }) => isMember(head, member));
      if (found && ordered.every((entry) => entry.part !== found)) {
        shift++;
        ordered.push({ part: found, number: part.head.part + shift });
      }
    }
  }
  const { id, name } = first.head;
  return ordered.map(({ part, number }) => {
    const repeats = part.head.repeats.flatMap((repeated) => renumbered(repeated, part.head.id, ordered));
    return { ...part, head: { ...part.head, id, name, part: number, repeats } };
  });
}

/** `repeats` counts in the numbers of its own recording. */
function renumbered(
  repeated: RepeatedPart,
  recording: string,
  ordered: readonly { part: PartIndex; number: number }[],
): RepeatedPart[] {
  const member = { recording, part: repeated.part };
  const found = ordered.find(({ part }) => isMember(part.head, member));
  return found ? [{ ...repeated, part: found.number }] : [];
}

function withProblems(part: PartIndex, lacked: readonly MemberPart[]): PartIndex {
  const own = lacked.filter((member) => part.head.members.includes(member));
  if (own.length === 0) return part;
  const problems = own.map(
    ({ recording, part: number }) =>
      `Part ${number} of ${recording}, which belongs to it, is not in its folder. Put it back, and it is whole again.`,
  );
  return { ...part, problems: [...part.problems, ...problems] };
}
