import type { ReactElement } from 'react';
import { formatClock } from '../text-format.ts';
import type { ConsoleLine } from './console-lines.ts';
import { HexView } from './hex-view.tsx';

/** A command and what came of it. */
export function ConsoleLineView({ line, isHex }: { line: ConsoleLine; isHex: boolean }): ReactElement {
  const hasBytes = isHex && line.base64 !== undefined;
  return (
    <li data-testid="console-line">
      <time className="quiet">{formatClock(line.at)}</time>
      <span className="said">
        <span className="asked">{line.text}</span>
        {hasBytes && <HexView base64={line.base64 ?? ''} sizeBytes={line.sizeBytes ?? 0} />}
        {!hasBytes && typeof line.reply === 'string' && <span className="reply">{line.reply}</span>}
        {line.reply === null && <span className="quiet">sent</span>}
        {line.reply === undefined && !line.error && <span className="quiet">…</span>}
        {line.error && (
          <span className="tone-bad">
            {line.error.message} <code className="quiet">{line.error.code}</code>
          </span>
        )}
      </span>
      <span className="quiet ms">{line.roundTripMs === undefined ? '' : `${line.roundTripMs.toFixed(1)} ms`}</span>
    </li>
  );
}
