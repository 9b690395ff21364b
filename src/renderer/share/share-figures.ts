import { type ChartFigure, milliseconds, percent, roundTop } from '../servers/trend-figure.ts';
import { formatCount } from '../text-format.ts';
import type { ShareTrend } from './share-log.ts';

export interface ShareFigure extends ChartFigure {
  id: Exclude<keyof ShareTrend, 't'>;
}

/** From here on a queue is behind: values are merged or thinned out. */
const BEHIND = 0.8;

export const SHARE_FIGURES: readonly ShareFigure[] = [
  {
    id: 'queueUse',
    title: 'Queue in use',
    about: 'Of the fullest queue. Above the line a client is behind: values are merged or thinned out for it.',
    color: 1,
    top: () => 1,
    text: (value) => percent(value, 0),
    tick: (value) => percent(value, 0),
    limit: BEHIND,
  },
  {
    id: 'dropped',
    title: 'Not sent',
    about: 'Items all clients together were not sent each second; each is declared to its client.',
    color: 7,
    top: (values) => roundTop(values, 10),
    text: perSecond,
    tick: perSecond,
  },
  {
    id: 'ratio',
    title: 'Compression',
    about: 'Bytes before compression over bytes on the wire; 1 without.',
    color: 3,
    top: (values) => roundTop(values, 2),
    text: ratio,
    tick: ratio,
  },
  {
    id: 'lagMs',
    title: 'Lag of the hub',
    about: 'How late the event loop of the hub came to its work, the worst of each second.',
    color: 2,
    top: (values) => roundTop(values, 20),
    text: milliseconds,
    tick: milliseconds,
  },
];

function perSecond(value: number): string {
  const rounded = Number(value.toPrecision(3));
  return `${rounded < 1000 ? rounded : formatCount(rounded)} /s`;
}

function ratio(value: number): string {
  return `${value.toFixed(1)} : 1`;
}
