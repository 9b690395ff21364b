import type { PlotBoard } from './plot-board.ts';

/** Part of the window an arrow key moves; ten times less with Alt. */
const PAN_PART = 0.1;
const ZOOM_FACTOR = 1.5;

/** What a key does beside moving the view. */
export interface PlotKeyActions {
  note(): void;
}

/** Arrows pan, + and − zoom, Space pauses, C shows the cursors, N takes a note, Home and End show everything and now. True if the key was ours. */
export function plotKey(event: KeyboardEvent, board: PlotBoard, actions: PlotKeyActions): boolean {
  if (event.ctrlKey || event.metaKey || isTyping(event.target)) return false;
  const part = event.altKey ? PAN_PART / 10 : event.shiftKey ? PAN_PART * 5 : PAN_PART;
  switch (event.key) {
    case 'ArrowLeft':
      board.view.panBy(-part);
      return true;
    case 'ArrowRight':
      board.view.panBy(part);
      return true;
    case '+':
    case '=':
      board.view.zoomBy(1 / ZOOM_FACTOR);
      return true;
    case '-':
    case '_':
      board.view.zoomBy(ZOOM_FACTOR);
      return true;
    case ' ':
      board.view.togglePause();
      return true;
    case 'c':
    case 'C':
      board.view.toggleCursors();
      return true;
    case 'n':
    case 'N':
      actions.note();
      return true;
    case 'Home':
      board.setSpan('all');
      return true;
    case 'End':
      board.reset();
      return true;
    default:
      return false;
  }
}

/** Keys belong to the control that has the focus, if it takes text, a choice or a press. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  return (
    target.closest(
      'input, textarea, select, button, a, summary, [contenteditable], [role="menu"], dialog, [popover]',
    ) !== null
  );
}
