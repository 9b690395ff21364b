/** A message may have 8 Mi characters; a screen reads one of this size without standing still. */
const PAGE_CHARS = 400_000;

/** Rows of a list from a place on, at least one, and as many as go into one message; `next`: where the rest begins, null: there is none. */
export function listPage<T>(
  rows: readonly T[],
  from: number,
  mostChars = PAGE_CHARS,
): { rows: T[]; next: number | null } {
  let chars = 0;
  let to = from;
  while (to < rows.length) {
    chars += JSON.stringify(rows[to]).length;
    if (chars > mostChars && to > from) break;
    to++;
  }
  return { rows: rows.slice(from, to), next: to < rows.length ? to : null };
}
