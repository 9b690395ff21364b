import type { StateBoard } from '../state/state-board.ts';
import type { Library } from './library.ts';

/** Another folder may hold what was cut off: it is finished when the settings name one. */
export function recoverElsewhere(board: StateBoard, library: Library): Disposable {
  let folders = library.folders.join('\n');
  return board.onChange(({ event }) => {
    if (event !== 'settings.changed') return;
    const before = folders;
    folders = library.folders.join('\n');
    if (folders !== before) void library.recover();
  });
}
