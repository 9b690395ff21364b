import { type ReactElement, useEffect, useRef } from 'react';
import type { ChannelState } from '../../contract/instrument-schema.ts';
import type { Prefix } from '../../core/units.ts';
import { formatQuantity } from '../../core/units-format.ts';
import { type LatestValue, latestValues } from '../latest-values.ts';

/**
 * Live digits of a channel, painted outside React. The resolution of the instrument is kept, the prefix stays while it fits, and room
 * for a minus is kept once one was seen, so that nothing jumps.
 */
export function Readout(props: {
  channel: ChannelState;
  className?: string;
  label?: string;
  suffix?: string;
}): ReactElement {
  const { channel, className = '', label, suffix = '' } = props;
  const root = useRef<HTMLSpanElement>(null);
  const digits = useRef<HTMLSpanElement>(null);
  const unit = useRef<HTMLSpanElement>(null);
  const { id, shownUnit, resolution } = channel;
  const { gain, offset } = channel.scale;

  useEffect(() => {
    let previous: Prefix | undefined;
    let hasSign = false;
    const paint = (latest: LatestValue | undefined): void => {
      const value = latest ? latest.value * gain + offset : Number.NaN;
      const shown = formatQuantity(value, shownUnit, {
        previous,
        resolution: resolution === null ? undefined : Math.abs(resolution * gain) || undefined,
      });
      previous = shown.prefix;
      const isNegative = shown.number.startsWith('\u2212');
      hasSign ||= isNegative;
      write(digits.current, hasSign && !isNegative ? `\u2007${shown.number}` : shown.number);
      write(unit.current, shown.unit + suffix);
      if (root.current && root.current.dataset.tone !== shown.state) root.current.dataset.tone = shown.state;
    };
    return latestValues.attach(id, paint);
  }, [id, shownUnit, resolution, gain, offset, suffix]);

  return (
    <span
      ref={root}
      className={`readout ${className}`}
      data-channel={id}
      data-tone="missing"
      title={label ?? channel.label}
    >
      <span className="sr-only">{label ?? channel.label} </span>
      <span ref={digits} className="n" />
      <span ref={unit} className="u" />
    </span>
  );
}

function write(element: HTMLElement | null, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}
