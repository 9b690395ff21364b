import { type ReactElement, useEffect, useRef } from 'react';
import type { ChannelState } from '../../contract/instrument-schema.ts';
import type { Prefix } from '../../core/units.ts';
import { formatQuantity } from '../../core/units-format.ts';
import type { ReadingScale } from '../bench/meter-scale.ts';
import { heldPrefix } from '../held-prefix.ts';
import { type LatestValue, latestValues } from '../latest-values.ts';
import { CHANNEL_MIME } from '../plot/plot-channel.ts';

/** How long room for a minus is kept after the last negative value. */
const SIGN_KEPT_NS = 5_000_000_000n;

/**
 * Live digits of a channel, painted outside React. The resolution of the instrument is kept, the prefix stays while it fits, and room
 * for a minus is kept for a while after one was seen, so that nothing jumps.
 */
export function Readout(props: {
  channel: ChannelState;
  className?: string;
  label?: string;
  /** Behind the unit: ` DC`. */
  suffix?: string;
  scale?: ReadingScale | undefined;
}): ReactElement {
  const { channel, className = '', label, suffix = '', scale } = props;
  const root = useRef<HTMLSpanElement>(null);
  const digits = useRef<HTMLSpanElement>(null);
  const unit = useRef<HTMLSpanElement>(null);
  const { id, shownUnit, resolution } = channel;
  const { gain, offset } = channel.scale;
  const step = scale?.resolution ?? (Math.abs((resolution ?? 0) * gain) || undefined);
  const prefix = scale?.prefix ?? heldPrefix(step, shownUnit);

  useEffect(() => {
    let previous: Prefix | undefined;
    let negativeNs: bigint | undefined;
    const paint = (latest: LatestValue | undefined): void => {
      const value = latest ? latest.value * gain + offset : Number.NaN;
      const shown = formatQuantity(value, shownUnit, { previous, prefix, resolution: step });
      previous = shown.prefix;
      const isNegative = shown.number.startsWith('\u2212');
      if (isNegative) negativeNs = latest?.timeNs;
      else if (negativeNs !== undefined && latest && latest.timeNs - negativeNs > SIGN_KEPT_NS) negativeNs = undefined;
      write(digits.current, negativeNs !== undefined && !isNegative ? `\u2007${shown.number}` : shown.number);
      write(unit.current, shown.unit + suffix);
      if (root.current && root.current.dataset.tone !== shown.state) root.current.dataset.tone = shown.state;
    };
    return latestValues.attach(id, paint);
  }, [id, shownUnit, step, prefix, gain, offset, suffix]);

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dragging is a shortcut; the plot's own menu adds channels by keyboard
    <span
      ref={root}
      className={`readout ${className}`}
      data-channel={id}
      data-tone="missing"
      title={`${label ?? channel.label}: drag it onto a plot to see it there`}
      draggable
      onDragStart={(event) => event.dataTransfer.setData(CHANNEL_MIME, id)}
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
