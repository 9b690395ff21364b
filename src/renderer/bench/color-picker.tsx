import type { ReactElement } from 'react';
import type { ChannelState } from '../../contract/instrument-schema.ts';

const PALETTE = [1, 2, 3, 4, 5, 6, 7, 8];

/** The eight channel colours of the palette, and one of one's own. */
export function ColorPicker(props: {
  color: ChannelState['color'];
  onChange: (color: ChannelState['color']) => void;
}): ReactElement {
  const { color, onChange } = props;
  return (
    <fieldset className="colors" aria-label="Colour">
      {PALETTE.map((number) => (
        <button
          key={number}
          type="button"
          aria-pressed={color === number}
          aria-label={`Colour ${number}`}
          style={{ background: `var(--ch${number})` }}
          onClick={() => onChange(number)}
        />
      ))}
      <input
        type="color"
        aria-label="Another colour"
        title="Another colour"
        value={typeof color === 'string' ? color : '#888888'}
        data-picked={typeof color === 'string'}
        onChange={(event) => onChange(event.target.value)}
      />
    </fieldset>
  );
}
