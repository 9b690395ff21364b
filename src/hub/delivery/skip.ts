import type { FrameSkip, SkipReason } from '../../protocol/lab/labwire-frame.ts';

/** Worst first: of rows left out for several reasons the worst is told, so that a loss is never called a wish. */
const GRAVITY: readonly SkipReason[] = ['overflow', 'expired', 'source', 'unknown', 'conflated', 'decimated', 'rate'];

/** The worse of two reasons. */
export function graver(one: SkipReason, other: SkipReason): SkipReason {
  return GRAVITY.indexOf(one) <= GRAVITY.indexOf(other) ? one : other;
}

/** Both together; undefined when neither leaves anything out. */
export function addSkips(one: FrameSkip | undefined, other: FrameSkip | undefined): FrameSkip | undefined {
  if (!one || one.n === 0) return other && other.n > 0 ? other : undefined;
  if (!other || other.n === 0) return one;
  return { n: one.n + other.n, reason: graver(one.reason, other.reason) };
}
