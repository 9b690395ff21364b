import type { SafetyState } from '../../contract/safety-schema.ts';
import { msOf } from '../text-format.ts';

/** `armed 12:31`: time left; without an end just `armed`. */
export function armedText({ untilNs }: SafetyState['armed'][number], nowMs: number): string {
  if (untilNs === null) return 'armed';
  const seconds = Math.max(0, Math.ceil((msOf(untilNs) - nowMs) / 1000));
  return `armed ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
