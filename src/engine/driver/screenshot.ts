import { LabError } from '../../core/errors.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { isQuery } from '../../protocol/scpi-line.ts';
import type { Session } from '../session/session.ts';
import type { Screenshot } from './driver.ts';

type ScreenshotDefinition = NonNullable<FamilyDefinition['screenshot']>;

/** A scope draws its picture when asked: some take seconds to begin. */
const PICTURE_TIMEOUT_MS = 20_000;

const SIGNATURES = {
  png: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  bmp: [0x42, 0x4d],
} as const;

/** Takes the picture as the definition says; what comes `after` is sent also when there is none. Throws the errors of the session, `protocol.malformed` for bytes that are no picture. */
export async function takeScreenshot(
  session: Session,
  { before = [], ask, after = [], format }: ScreenshotDefinition,
  signal: AbortSignal,
): Promise<Screenshot> {
  const bytes = await session.transaction(
    async (wire) => {
      for (const text of before) await (isQuery(text) ? wire.query(text, PICTURE_TIMEOUT_MS) : wire.write(text));
      try {
        // A block, or the file alone: the session knows both by their beginning.
        return await wire.queryBlock(ask, PICTURE_TIMEOUT_MS);
      } finally {
        for (const command of after) await wire.write(command).catch(() => {});
      }
    },
    { signal, timeoutMs: PICTURE_TIMEOUT_MS },
  );
  if (!SIGNATURES[format].every((byte, index) => bytes[index] === byte)) {
    throw new LabError(
      'protocol.malformed',
      `The instrument sent ${bytes.length} bytes that are no ${format.toUpperCase()} picture. Nothing was kept; try again.`,
      { format, sizeBytes: bytes.length },
    );
  }
  return { type: format === 'png' ? 'image/png' : 'image/bmp', bytes };
}
