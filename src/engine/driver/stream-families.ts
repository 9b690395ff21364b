import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import { CHECKSUMS } from '../../protocol/stream/frame-checksum.ts';
import { BINARY_TYPES, FRAME_ENCODINGS } from '../../protocol/stream/frame-fields.ts';
import { FRAME_MODES } from '../../protocol/stream/frame-splitter.ts';
import type { DriverFamily, StreamOutlet } from './driver.ts';
import { FrameReader } from './frame-reader.ts';
import { type FreeReader, FreeStreamDriver } from './free-stream.ts';
import { LineReader } from './line-reader.ts';
import { TeleplotReader } from './teleplot-reader.ts';

const names = z.array(z.string().max(100)).max(256).default([]);
/** `columns` names the fields where the device does not, `units` gives their units, in order. */
const lineFormat = z.object({ columns: names, units: names });
const frameFormat = lineFormat.extend({
  mode: z.enum(FRAME_MODES).default('start-end'),
  /** Marks, with `\n`, `\r`, `\t`, `\0` and `\xHH`. */
  start: z.string().max(64).default('/*'),
  end: z.string().max(64).default('*/'),
  checksum: z.enum(CHECKSUMS).default('none'),
  encoding: z.enum(FRAME_ENCODINGS).default('text'),
  separator: z.string().min(1).max(8).default(','),
  /** Types of binary fields, in order. */
  layout: z.array(z.enum(BINARY_TYPES)).max(256).optional(),
});

const LINE = { line: { baudRate: 115_200 } } as const;

/**
 * Devices that talk by themselves and cannot be asked who they are; chosen by name (`AttachOptions.as`), never found by `*IDN?`. Their formats and options
 * are in docs/instruments.md.
 */
export const streamFamilies: readonly DriverFamily[] = [
  family(
    'arduino-lines',
    'Arduino lines (label:value)',
    lineFormat,
    (format) => (outlet) => new LineReader(outlet, format),
  ),
  family('csv-lines', 'CSV lines', lineFormat, (format) => (outlet) => new LineReader(outlet, format)),
  family('teleplot', 'Teleplot', z.object({}), (_, isSerial) => (outlet) => new TeleplotReader(outlet, isSerial)),
  family('serial-studio', 'Serial Studio frames', frameFormat, (format) => {
    const start = markBytes(format.start);
    const end = markBytes(format.end);
    return (outlet) => new FrameReader(outlet, { ...format, start, end });
  }),
];

function family<F>(
  id: string,
  name: string,
  schema: z.ZodType<F>,
  reader: (format: F, isSerial: boolean) => (outlet: StreamOutlet) => FreeReader,
): DriverFamily {
  return {
    id,
    name,
    role: 'stream',
    line: LINE,
    matches: () => false,
    identify: async () => ({ maker: '', model: name, serial: '', firmware: '' }),
    async open(context) {
      const parsed = schema.safeParse(context.options?.stream ?? {});
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw new LabError(
          'call.invalid',
          `The format of the stream cannot be used: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}. Nothing is measured. See docs/instruments.md.`,
          { family: id },
        );
      }
      const isSerial = !context.session.resource.startsWith('UDP');
      return new FreeStreamDriver(context, reader(parsed.data, isSerial));
    },
  };
}

/** Bytes of a mark as a person writes it. */
function markBytes(text: string): Uint8Array {
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', '0': '\0', '\\': '\\' };
  const plain = text.replace(/\\(x[0-9a-f]{2}|[nrt0\\])/gi, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (escapes[code] ?? code),
  );
  return Buffer.from(plain, 'latin1');
}
