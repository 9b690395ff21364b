import type { Right } from '../contract/calls.ts';
import { LabError } from '../core/errors.ts';

/** Said at what is greyed because this screen may only look. */
export const VIEW_ONLY = 'View only: your role may look and not control';

/** The same for any right. */
export function rightReason(right: Right): string {
  return right === 'control' ? VIEW_ONLY : 'Only those who manage this bench may change it';
}

/** Why a call is not even sent. */
export function lacksRight(right: Right): LabError {
  const text =
    right === 'control'
      ? `${VIEW_ONLY}. Nothing was sent, and nothing changed at the bench. Ask whoever runs it for another role.`
      : 'Only those who manage this bench may do that. Nothing was sent, and nothing changed at the bench.';
  return new LabError('call.denied', text, { right });
}
