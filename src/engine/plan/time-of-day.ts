/** How often the wall clock is looked at; ms. */
export const LOOK_MS = 1000;
/** A step of the wall clock, or a sleep, longer than that skips times of day: nobody wants yesterday's start tomorrow noon. ms */
const MOST_MS = 10 * 60_000;

/**
 * Whether a time of day, `HH:MM` local, was passed between two readings of the wall clock (ms since 1970). Going back passes nothing; a jump of more than ten
 * minutes passes only what lies in its last ten.
 */
export function passed(at: string, beforeMs: number, nowMs: number): boolean {
  if (nowMs <= beforeMs) return false;
  const [hours = 0, minutes = 0] = at.split(':').map(Number);
  const due = new Date(nowMs);
  due.setHours(hours, minutes, 0, 0);
  const dueMs = due.getTime() > nowMs ? due.getTime() - 86_400_000 : due.getTime();
  return dueMs > Math.max(beforeMs, nowMs - MOST_MS) && dueMs <= nowMs;
}
