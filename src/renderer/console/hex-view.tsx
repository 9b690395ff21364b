import type { ReactElement } from 'react';
import { bytesOfBase64, hexRows } from './hex-dump.ts';

const SHOWN_BYTES = 1024;

/** The bytes of a reply as they came, the first kibibyte. */
export function HexView({ base64, sizeBytes }: { base64: string; sizeBytes: number }): ReactElement {
  const bytes = bytesOfBase64(base64);
  const rows = hexRows(bytes.subarray(0, SHOWN_BYTES));
  return (
    <span className="hex num selectable" data-testid="hex-view">
      {rows.map((row) => (
        <span key={row.offset} className="hex-row">
          <span className="quiet">{row.offset}</span> <span className="hex-bytes">{row.hex.padEnd(48)}</span>{' '}
          <span className="hex-text">{row.text}</span>
        </span>
      ))}
      <span className="quiet">
        {sizeBytes} bytes{sizeBytes > SHOWN_BYTES ? `, the first ${SHOWN_BYTES} shown` : ''}
      </span>
    </span>
  );
}
