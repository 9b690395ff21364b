import type { ReactElement } from 'react';
import type { Severity } from '../../contract/value-schema.ts';

/** Severity as a word on its colour. */
export function SeverityTag({ severity }: { severity: Severity }): ReactElement {
  return <span className={`severity ${severity}`}>{severity}</span>;
}
