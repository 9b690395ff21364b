import type { ReactElement } from 'react';

/** Strokes on a 20 × 20 grid. */
const PATHS = {
  bench: 'M4 4h12a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zM5 11l2-4 2 6 2-4h4',
  plot: 'M2 17V3M2 17h16M5 13l4-5 3 3 5-7',
  recordings: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 7.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z',
  alarms: 'M10 3a5 5 0 0 1 5 5c0 5 2 5 2 6H3c0-1 2-1 2-6a5 5 0 0 1 5-5zM8 17h4',
  console: 'M3 5l4 4-4 4M9 15h8',
  diagnostics: 'M2 10h4l2-5 4 10 2-5h4',
  settings:
    'M10 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM10 2v3M10 15v3M2 10h3M15 10h3M4.5 4.5l2 2M13.5 13.5l2 2M15.5 4.5l-2 2M6.5 13.5l-2 2',
  power: 'M10 2v8M5.5 5a7 7 0 1 0 9 0',
  close: 'M5 5l10 10M15 5L5 15',
  more: 'M4.5 10h.01M10 10h.01M15.5 10h.01',
  down: 'M4 7l6 6 6-6',
  plus: 'M10 4v12M4 10h12',
  lan: 'M8 2h4a1 1 0 0 1 1 1v3a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V3a1 1 0 0 1 1-1zM10 7v4M4 15v-3h12v3M2 15h4v3H2zM14 15h4v3h-4z',
  serial: 'M3 6h14l-2 8H5zM7 9h.01M10 9h.01M13 9h.01M8.5 11.5h.01M11.5 11.5h.01',
  usb: 'M10 2v14M10 16l-2-2h4zM10 11L5 8V5M10 9l5-3V4',
  server: 'M3 4h14v5H3zM3 11h14v5H3zM6 6.5h.01M6 13.5h.01',
  simulator: 'M7 2h6M8 2v6l-5 8a1 1 0 0 0 1 2h12a1 1 0 0 0 1-2l-5-8V2M5.5 13h9',
  warning: 'M10 3l8 14H2zM10 8v4M10 14.5h.01',
  info: 'M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15zM10 9v5M10 6.2h.01',
  done: 'M4 10.5l4 4 8-9',
  search: 'M9 3a6 6 0 1 0 0 12A6 6 0 0 0 9 3zM13.5 13.5L18 18',
  retry: 'M16 6a7 7 0 1 0 1.5 5M16 2v4h-4',
  reset: 'M4 6a7 7 0 1 1-1.5 5M4 2v4h4',
  download: 'M10 3v10M6 9l4 4 4-4M3 17h14',
  folder: 'M2 5h6l2 2h8v9H2z',
  capture: 'M2 10h3l1.5-5 3 10 3-10 1.5 5H18',
  panel: 'M2 4h16v12H2zM8 4v12',
  share:
    'M5 7.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM15 2.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM15 12.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM7.2 8.8l5.6-2.7M7.2 11.2l5.6 2.7',
  shield: 'M10 2.5l6.5 2.5v4.5c0 4-2.7 6.6-6.5 8-3.8-1.4-6.5-4-6.5-8V5z',
  camera: 'M2 6h4l1.5-2h5L14 6h4v10H2zM10 8.5a2.75 2.75 0 1 0 0 5.5 2.75 2.75 0 0 0 0-5.5z',
} as const;

export type IconName = keyof typeof PATHS;

/** A stroke icon; never the only sign, so it is hidden from assistive technology. */
export function Icon({ name }: { name: IconName }): ReactElement {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
