import { type ReactElement, useLayoutEffect, useRef } from 'react';
import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import { formatClock, msOf } from '../text-format.ts';

const ARROWS: Record<ExchangeRecord['direction'], string> = { sent: '→', received: '←', late: '⇠', note: '·' };
const WORDS: Record<ExchangeRecord['direction'], string> = {
  sent: 'sent',
  received: 'received',
  late: 'late, not used',
  note: 'note',
};

/** Lines of a trace; stays at the end unless the person scrolled up. */
export function ExchangeList(props: {
  exchanges: readonly ExchangeRecord[];
  nameOf?: (instrument: string) => string;
}): ReactElement {
  const { exchanges, nameOf } = props;
  const list = useRef<HTMLOListElement>(null);
  const isAtEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls after each new line
  useLayoutEffect(() => {
    if (isAtEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [exchanges]);
  return (
    <ol
      ref={list}
      className="exchanges num selectable"
      onScroll={(event) => {
        const element = event.currentTarget;
        isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
      }}
    >
      {exchanges.map((line, index) => (
        // Lines have no id; they are only ever added at the end and let go at the start, together.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <li key={`${line.at} ${index}`} data-direction={line.direction}>
          <time className="quiet">{formatClock(msOf(line.at))}</time>
          {nameOf && <span className="who cut">{nameOf(line.instrument)}</span>}
          <span className="arrow" title={WORDS[line.direction]}>
            {ARROWS[line.direction]}
            <span className="sr-only">{WORDS[line.direction]}</span>
          </span>
          <span className="text">{line.text}</span>
          <span className="quiet ms">{line.roundTripMs === undefined ? '' : `${line.roundTripMs.toFixed(1)} ms`}</span>
        </li>
      ))}
    </ol>
  );
}
