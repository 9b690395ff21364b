import type { ReactElement } from 'react';
import type { RecordingRow } from '../../contract/recording-schema.ts';

const WIDTH = 120;
const HEIGHT = 26;

/** One stretch between gaps: its envelope as a closed path and the line through its middle. */
export interface SparklineStretch {
  band: string;
  line: string;
}

/** Min/max columns scaled into the box; a gap ends a stretch. */
export function sparklineStretches(
  preview: RecordingRow['preview'],
  width = WIDTH,
  height = HEIGHT,
): SparklineStretch[] {
  const columns = preview.filter((column) => column !== null);
  const low = Math.min(...columns.map(([min]) => min));
  const high = Math.max(...columns.map(([, max]) => max));
  const range = high - low;
  const y = (value: number): string =>
    (range > 0 ? height - 2 - ((value - low) / range) * (height - 4) : height / 2).toFixed(1);
  const step = preview.length > 1 ? width / (preview.length - 1) : width;
  const stretches: SparklineStretch[] = [];
  let upper: string[] = [];
  let lower: string[] = [];
  let middle: string[] = [];
  const close = (): void => {
    if (middle.length > 0) {
      stretches.push({ band: `M${[...upper, ...lower.reverse()].join('L')}Z`, line: `M${middle.join('L')}` });
    }
    upper = [];
    lower = [];
    middle = [];
  };
  preview.forEach((column, index) => {
    if (!column) {
      close();
      return;
    }
    const x = (index * step).toFixed(1);
    const [min, max] = column;
    upper.push(`${x} ${y(max)}`);
    lower.push(`${x} ${y(min)}`);
    middle.push(`${x} ${y((min + max) / 2)}`);
  });
  close();
  return stretches;
}

/** The first channel of a recording, small; gaps stay gaps. */
export function Sparkline(props: { preview: RecordingRow['preview']; color: number; isLarge?: boolean }): ReactElement {
  const { preview, color, isLarge } = props;
  return (
    <svg
      className={isLarge ? 'sparkline large' : 'sparkline'}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {sparklineStretches(preview).map(({ band, line }) => (
        <g key={line}>
          <path className="band" d={band} fill={`var(--ch${color})`} />
          <path d={line} stroke={`var(--ch${color})`} />
        </g>
      ))}
    </svg>
  );
}
