import type { ReactElement, ReactNode } from 'react';

/** A setting: what it is, what it does, and its controls. */
export function Row(props: { title: string; hint?: string; children: ReactNode }): ReactElement {
  return (
    <div className="setting">
      <div>
        <b>{props.title}</b>
        {props.hint && <small className="quiet">{props.hint}</small>}
      </div>
      <div className="setting-control">{props.children}</div>
    </div>
  );
}
