import type { ReactElement } from 'react';
import type { RecordingRow } from '../../contract/recording-schema.ts';

const WIDTH = 120;
const HEIGHT = 26;

/** Paths of min/max columns scaled into the box: one path per stretch between gaps. */
export function sparklinePaths(preview: RecordingRow['preview'], width = WIDTH, height = HEIGHT): string[] {
  const columns = preview.filter((column) => column !== null);
  const low = Math.min(...columns.map(([min]) => min));
  const high = Math.max(...columns.map(([, max]) => max));
  const range = high - low || 1;
  const y = (value: number): string => (height - 2 - ((value - low) / range) * (height - 4)).toFixed(1);
  const step = preview.length > 1 ? width / (preview.length - 1) : width;
  const paths: string[] = [];
  let path = '';
  preview.forEach((column, index) => {
    if (!column) {
      if (path) paths.push(path);
      path = '';
      return;
    }
    const x = (index * step).toFixed(1);
    const [min, max] = column;
    path += `${path ? 'L' : 'M'}${x} ${y(min)}${max === min ? '' : `L${x} ${y(max)}`}`;
  });
  if (path) paths.push(path);
  return paths;
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
      {sparklinePaths(preview).map((path) => (
        <path key={path} d={path} stroke={`var(--ch${color})`} />
      ))}
    </svg>
  );
}
