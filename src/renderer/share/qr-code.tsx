import encodeQR from 'qr';
import { type ReactElement, useMemo } from 'react';
import { modulePath } from './module-path.ts';

/** Light modules a reader needs around the code. */
const QUIET = 4;

/** A text as a QR code: dark on light in every theme, as readers want it. */
export function QrCode({ text, label }: { text: string; label: string }): ReactElement {
  const { size, path } = useMemo(() => {
    const modules = encodeQR(text, 'raw', { border: QUIET });
    return { size: modules.length, path: modulePath(modules) };
  }, [text]);
  return (
    <svg className="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shapeRendering="crispEdges">
      <rect width={size} height={size} fill="#ffffff" />
      <path d={path} fill="#000000" />
    </svg>
  );
}
