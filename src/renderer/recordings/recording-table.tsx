import {
  Fragment,
  type KeyboardEvent,
  memo,
  type ReactElement,
  useCallback,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import { showOrigin } from '../screen-store.ts';
import { formatBytes, formatDate, formatDuration, msOf, plural } from '../text-format.ts';
import { useGrown } from './live-row.ts';
import { FORMAT_WORDS, isUnreadable, previewColor, recordingState } from './recording-words.ts';
import { type RowView, rowWindow } from './row-window.ts';
import { Sparkline } from './sparkline.tsx';

/** A row before it was measured; px. */
const ROW_PX = 50;
/** PageUp and PageDown go so many rows. */
const PAGE_ROWS = 10;

/**
 * The list of recordings. Of thousands only those looked at are in the page; the one that is picked is there too, so that the keyboard stays where it is.
 * It stands in a box that scrolls.
 */
export function RecordingTable(props: {
  rows: readonly RecordingRow[];
  picked: string | undefined;
  onPick: (id: string) => void;
}): ReactElement {
  const { rows, picked, onPick } = props;
  const table = useRef<HTMLTableElement>(null);
  const view = useView(table);
  const heights = useRef(new Map<string, number>());
  const focusNext = useRef<string>(undefined);
  const at = rows.findIndex(({ id }) => id === picked);
  const { rows: shown, gaps } = rowWindow(
    rows.length,
    (index) => heights.current.get(rows[index]?.id ?? '') ?? ROW_PX,
    view,
    [at - 1, at, at + 1],
  );
  useLayoutEffect(() => {
    for (const row of table.current?.querySelectorAll<HTMLElement>('tr[data-id]') ?? []) {
      heights.current.set(row.dataset.id ?? '', row.offsetHeight);
      if (row.dataset.id !== focusNext.current) continue;
      focusNext.current = undefined;
      row.focus();
    }
  });
  const go = useCallback(
    (from: number, key: string): boolean => {
      const to = {
        ArrowDown: from + 1,
        ArrowUp: from - 1,
        PageDown: from + PAGE_ROWS,
        PageUp: from - PAGE_ROWS,
        Home: 0,
        End: rows.length - 1,
      }[key];
      if (to === undefined) return false;
      const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
      focusNext.current = row?.id;
      if (row) onPick(row.id);
      return true;
    },
    [rows, onPick],
  );
  return (
    <table ref={table} className="table fixed recordings-table" aria-rowcount={rows.length + 1}>
      <thead>
        <tr aria-rowindex={1}>
          <th>Name</th>
          <th>
            <span className="sr-only">Preview</span>
          </th>
          <th>Started</th>
          <th>Duration</th>
          <th className="col-channels">Channels</th>
          <th>Size</th>
          <th>State</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((index, place) => {
          const row = rows[index];
          return (
            row && (
              <Fragment key={row.id}>
                <Gap px={gaps[place]} />
                <Row row={row} index={index} isPicked={index === at} onPick={onPick} onGo={go} />
              </Fragment>
            )
          );
        })}
        <Gap px={gaps.at(-1)} />
      </tbody>
    </table>
  );
}

/** In the place of rows that are not in the page. */
function Gap({ px = 0 }: { px: number | undefined }): ReactElement | null {
  if (px <= 0) return null;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus, and it is no row of the list
    <tr aria-hidden="true" className="gap-row">
      <td colSpan={7} style={{ height: px }} />
    </tr>
  );
}

/** What is looked at of the list: the part of it in the box that scrolls. */
function useView(table: { current: HTMLTableElement | null }): RowView {
  const [view, setView] = useState<RowView>({ top: 0, height: 1000 });
  useLayoutEffect(() => {
    const box = table.current?.parentElement;
    if (!box) return;
    const look = (): void => {
      const top = Math.max(0, box.scrollTop - (table.current?.offsetTop ?? 0));
      const height = box.clientHeight;
      // Rows are there some screens ahead: not every pixel is a reason to look anew.
      setView((now) => (Math.abs(now.top - top) < ROW_PX * 4 && now.height === height ? now : { top, height }));
    };
    look();
    box.addEventListener('scroll', look, { passive: true });
    const sizes = new ResizeObserver(look);
    sizes.observe(box);
    return () => {
      box.removeEventListener('scroll', look);
      sizes.disconnect();
    };
  }, [table]);
  return view;
}

const Row = memo(function Row(props: {
  row: RecordingRow;
  index: number;
  isPicked: boolean;
  onPick: (id: string) => void;
  /** A key that goes to another row; false if it is none. */
  onGo: (from: number, key: string) => boolean;
}): ReactElement {
  const { row, index, isPicked, onPick, onGo } = props;
  const { word, tone } = recordingState(row);
  const { durationS, bytes } = useGrown(row);
  const isReadable = row.format === 'labwire' && !isUnreadable(row);
  const open = (): void => {
    if (isReadable) showOrigin(row.id);
  };
  const pick = (): void => onPick(row.id);
  const onKey = (event: KeyboardEvent<HTMLTableRowElement>): void => {
    if (event.key === 'Enter') open();
    else if (event.key === ' ') pick();
    else if (!onGo(index, event.key)) return;
    event.preventDefault();
  };
  return (
    <tr
      className="pick"
      tabIndex={isPicked ? 0 : -1}
      aria-selected={isPicked}
      aria-rowindex={index + 2}
      data-id={row.id}
      data-testid="recording-row"
      onClick={pick}
      onFocus={pick}
      onDoubleClick={open}
      onKeyDown={onKey}
    >
      <td className="recording-name">
        <b className="lines" title={row.name}>
          {row.name}
        </b>
        <small className="cut">
          {row.tags.length > 0 && <span className="tags">{row.tags.join(' · ')} </span>}
          {row.format !== 'labwire'
            ? FORMAT_WORDS[row.format]
            : row.instruments.length > 2
              ? plural(row.instruments.length, 'instrument')
              : row.instruments.join(', ')}
        </small>
      </td>
      <td>
        <Sparkline preview={row.preview} color={previewColor(row)} />
      </td>
      <td className="num">{formatDate(msOf(row.startedNs))}</td>
      <td className="num">{isUnreadable(row) ? '–' : formatDuration(durationS)}</td>
      <td className="num col-channels">{isReadable ? row.channels : '–'}</td>
      <td className="num">{formatBytes(bytes)}</td>
      <td className={`tone-${tone}`} title={row.reason}>
        {word}
        {row.reason && <small className="lines">{row.reason}</small>}
      </td>
    </tr>
  );
});
