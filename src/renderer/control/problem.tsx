import type { ReactElement, ReactNode } from 'react';
import { Icon } from './icon.tsx';

/** An error as the person should see it: the sentence first, its code beside it for a search. */
export function Problem(props: {
  error: { code: string; message: string };
  tone?: 'bad' | 'warn' | 'info';
  /** Behind the code: what happens next. */
  after?: string | undefined;
  children?: ReactNode;
}): ReactElement {
  const { error, tone = 'bad' } = props;
  return (
    <div className={`problem ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <Icon name={tone === 'info' ? 'info' : 'warning'} />
      <p>
        {error.message} {error.code && <code>{error.code}</code>}
        {props.after && <code> · {props.after}</code>}
      </p>
      {props.children}
    </div>
  );
}
