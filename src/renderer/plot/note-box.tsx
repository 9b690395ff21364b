import { type ReactElement, useEffect, useRef, useState } from 'react';
import { formatClock } from '../text-format.ts';

interface NoteBoxProps {
  /** Time of the note: when the key was pressed, not when it was written. ms since 1970. */
  timeMs: number;
  onSave: (text: string) => void;
  onClose: () => void;
}

/** One line for a note on the time axis; Enter saves, Escape forgets. */
export function NoteBox({ timeMs, onSave, onClose }: NoteBoxProps): ReactElement {
  const [text, setText] = useState('');
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <form
      className="plot-note"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) onSave(text.trim());
        else onClose();
      }}
    >
      <label htmlFor="plot-note">
        Note at <b className="num">{formatClock(timeMs)}</b>
      </label>
      <input
        id="plot-note"
        ref={input}
        className="input"
        value={text}
        maxLength={500}
        placeholder="What happened?"
        autoComplete="off"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onClose();
        }}
      />
      <button type="submit" className="btn primary">
        Save
      </button>
    </form>
  );
}
