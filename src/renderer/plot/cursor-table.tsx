import { type ReactElement, useEffect, useRef } from 'react';
import { formatQuantity } from '../../core/units-format.ts';
import { heldPrefix } from '../held-prefix.ts';
import { cursorReadout } from './cursor-readout.ts';
import { setText } from './painted-text.ts';
import type { PlotBoard } from './plot-board.ts';
import type { PlotChannel } from './plot-channel.ts';

const PAINT_MS = 100;

/** Δt, 1/Δt, and Δy of each trace between the cursors; painted outside React. */
export function CursorTable({ board, channels }: { board: PlotBoard; channels: readonly PlotChannel[] }): ReactElement {
  const table = useRef<HTMLTableElement>(null);
  useEffect(() => {
    let paintedMs = 0;
    const paint = (nowMs: number): void => {
      const { cursors } = board.view;
      if (!cursors || nowMs - paintedMs < PAINT_MS) return;
      paintedMs = nowMs;
      const cell = (name: string): HTMLElement | null =>
        table.current?.querySelector(`[data-cell="${CSS.escape(name)}"]`) ?? null;
      const readout = cursorReadout(
        cursors.aS,
        cursors.bS,
        channels.map((channel) => channel.id),
        (id, timeS) => board.valueAt(id, timeS),
      );
      setText(cell('dt'), formatQuantity(readout.deltaS, 's').text);
      setText(
        cell('rate'),
        Number.isFinite(readout.rateHz) ? formatQuantity(readout.rateHz, 'Hz', { digits: 4 }).text : '—',
      );
      for (const [index, row] of readout.rows.entries()) {
        const channel = channels[index];
        if (!channel) continue;
        const step = channel.resolution ?? undefined;
        const text = (value: number): string =>
          formatQuantity(value, channel.unit, { resolution: step, prefix: heldPrefix(step, channel.unit) }).text;
        setText(cell(`a ${row.id}`), text(row.a));
        setText(cell(`b ${row.id}`), text(row.b));
        setText(cell(`d ${row.id}`), text(row.delta));
      }
    };
    board.onPaint.add(paint);
    return () => void board.onPaint.delete(paint);
  }, [board, channels]);
  return (
    <table ref={table} className="plot-cursors" data-testid="cursor-table">
      <thead>
        <tr>
          <th scope="row">Δt</th>
          <td data-cell="dt" />
          <th scope="row">1/Δt</th>
          <td data-cell="rate" />
        </tr>
        <tr>
          <th scope="col" aria-label="Trace" />
          <th scope="col">A</th>
          <th scope="col">B</th>
          <th scope="col">Δy</th>
        </tr>
      </thead>
      <tbody>
        {channels.map((channel) => (
          <tr key={channel.id}>
            <th scope="row">
              <i
                className="plot-swatch"
                style={{ background: typeof channel.color === 'number' ? `var(--ch${channel.color})` : channel.color }}
              />
              {channel.label}
            </th>
            <td data-cell={`a ${channel.id}`} />
            <td data-cell={`b ${channel.id}`} />
            <td data-cell={`d ${channel.id}`} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}
