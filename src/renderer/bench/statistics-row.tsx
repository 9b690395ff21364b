import { type ReactElement, useEffect, useRef } from 'react';
import type { ChannelState } from '../../contract/instrument-schema.ts';
import type { Prefix } from '../../core/units.ts';
import { formatQuantity } from '../../core/units-format.ts';
import { Icon } from '../control/icon.tsx';
import { plotLoop } from '../plot/plot-loop.ts';
import { statisticsOf } from '../statistics-watch.ts';
import { formatCount } from '../text-format.ts';
import type { ReadingScale } from './meter-scale.ts';

const PAINT_MS = 200;
const FIELDS = ['min', 'max', 'mean', 'σ'] as const;

/** Least, greatest, mean and deviation of every sample since reset, painted outside React. */
export function StatisticsRow(props: { channel: ChannelState; scale: ReadingScale | undefined }): ReactElement {
  const { channel, scale } = props;
  const row = useRef<HTMLDivElement>(null);
  const { id, shownUnit, resolution } = channel;
  const { gain, offset } = channel.scale;
  const prefix = scale?.prefix;
  const step = scale?.resolution ?? (Math.abs((resolution ?? 0) * gain) || undefined);
  useEffect(() => {
    let last = 0;
    return plotLoop.add({
      frame: (now) => {
        if (now - last < PAINT_MS || !row.current) return false;
        last = now;
        const { min, max, mean, deviation, count } = statisticsOf(id);
        const low = min * gain + offset;
        const high = max * gain + offset;
        const values = [Math.min(low, high), Math.max(low, high), mean * gain + offset, deviation * Math.abs(gain)];
        const cells = row.current.querySelectorAll('b');
        values.forEach((value, index) => {
          write(
            cells[index],
            index === 3 ? deviationText(value, shownUnit) : statisticText(value, shownUnit, step, prefix),
          );
        });
        write(cells[4], formatCount(count));
        return false;
      },
    });
  }, [id, shownUnit, step, prefix, gain, offset]);
  return (
    <div className="facts-row five" ref={row} data-testid="statistics">
      {FIELDS.map((field) => (
        <div key={field}>
          {field}
          <b>—</b>
        </div>
      ))}
      <div>
        <span title="Samples counted">n</span>
        <b>0</b>
        <button
          type="button"
          className="btn icon reset"
          aria-label={`Reset statistics of ${channel.label}`}
          title="Reset: count from now"
          onClick={() => statisticsOf(id).reset()}
        >
          <Icon name="reset" />
        </button>
      </div>
    </div>
  );
}

/** Seven digits at most (one less beside a long unit), and none beyond the resolution: minima of another range must not be cut off. */
function statisticText(value: number, unit: string, step: number | undefined, prefix: Prefix | undefined): string {
  if (Number.isNaN(value)) return '—';
  const digits = unit.length > 2 ? 5 : 6;
  if (step === undefined) return formatQuantity(value, unit, { digits }).text;
  if (Math.abs(value) < step) return formatQuantity(value, unit, { resolution: step, prefix }).text;
  const least = 10 ** (Math.floor(Math.log10(Math.abs(value))) - digits);
  return formatQuantity(value, unit, { resolution: Math.max(step, least) }).text;
}

function deviationText(value: number, unit: string): string {
  return Number.isNaN(value) ? '—' : formatQuantity(value, unit, { digits: 3 }).text;
}

function write(element: Element | undefined, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}
