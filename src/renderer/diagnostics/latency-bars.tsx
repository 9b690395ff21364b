import type { ReactElement } from 'react';
import type { Diagnostics } from '../../contract/discovery-schema.ts';
import { formatCount } from '../text-format.ts';

/** Round trips by power of two: a bar each, the longest full. */
export function LatencyBars({ latency }: { latency: Diagnostics['latency'] }): ReactElement {
  const { upToMs, counts, p50Ms, p95Ms } = latency;
  const most = Math.max(1, ...counts);
  const last = counts.findLastIndex((count) => count > 0);
  const first = counts.findIndex((count) => count > 0);
  const shown = upToMs
    .map((limit, index) => ({ limit, count: counts[index] ?? 0 }))
    .slice(Math.max(0, first), last + 1);
  return (
    <div className="latency">
      <h3>
        Round trip <span className="quiet num">{`half in ${limitText(p50Ms)}, 95 % in ${limitText(p95Ms)}`}</span>
      </h3>
      {shown.length === 0 && <p className="quiet">Nothing was asked yet.</p>}
      <ul className="num">
        {shown.map(({ limit, count }) => (
          <li key={limit}>
            <span className="quiet">{limitText(limit)}</span>
            <i style={{ width: `${(count / most) * 100}%` }} />
            <span className="quiet">{formatCount(count)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function limitText(ms: number): string {
  if (!Number.isFinite(ms)) return 'longer';
  return ms >= 1000 ? `≤ ${(ms / 1000).toPrecision(2)} s` : `≤ ${Number(ms.toPrecision(2))} ms`;
}
