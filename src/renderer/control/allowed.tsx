import type { ReactElement, ReactNode } from 'react';
import type { Right } from '../../contract/calls.ts';
import { rightReason } from '../lacks-right.ts';
import { useMay } from '../may.ts';

/** Controls that want a right: greyed together where it is missing, with the reason where the pointer rests. It has no box of its own. */
export function Allowed({ right, children }: { right: Right; children: ReactNode }): ReactElement {
  const may = useMay(right);
  return (
    <fieldset className="allowed" disabled={!may} title={may ? undefined : rightReason(right)}>
      {children}
    </fieldset>
  );
}
