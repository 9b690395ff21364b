import type { ReactElement } from 'react';

export type LampTone = 'ok' | 'warn' | 'bad' | 'info' | 'off';

/** A state as a word on a colour. */
export function Lamp({
  word,
  tone,
  title,
}: {
  word: string;
  tone: LampTone;
  title?: string | undefined;
}): ReactElement {
  return (
    <span className={`lamp ${tone}`} title={title}>
      {word}
    </span>
  );
}
