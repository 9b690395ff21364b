import type { RecordingFormat } from '../../../contract/recording-schema.ts';

export type MessageFormat = Exclude<RecordingFormat, 'labwire'>;

/** Ending of the file of a format; `.gz` is added when it is packed. */
export const MESSAGE_EXTENSIONS: Record<MessageFormat, string> = {
  'lablink-jsonl': '.jsonl',
  'lablink-json': '.json',
  'lablink-csv': '.csv',
  'lablink-binary': '.bin',
};

/** A message as it goes over a socket: JSON values only. */
export type Message = Readonly<Record<string, unknown>>;

/** The bytes of one file of messages, piece by piece. A file is whole with its tail; of all but `lablink-json` every prefix of whole pieces is readable too. */
export interface MessageFile {
  head(): Uint8Array;
  /** `tNs`: when it was recorded, ns since 1970; undefined if times are not wanted. */
  message(message: Message, tNs: bigint | undefined): Uint8Array;
  tail(): Uint8Array;
}

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** Begins a file of a format; docs/lablink-formats.md draws each. */
export function createMessageFile(format: MessageFormat): MessageFile {
  switch (format) {
    case 'lablink-jsonl':
      return {
        head: () => NOTHING,
        message: (message, tNs) => utf8.encode(`${text(message, tNs)}\n`),
        tail: () => NOTHING,
      };
    case 'lablink-json': {
      let separator = '';
      return {
        head: () => utf8.encode('[\n'),
        message(message, tNs) {
          const bytes = utf8.encode(`${separator}${text(message, tNs)}`);
          separator = ',\n';
          return bytes;
        },
        tail: () => utf8.encode('\n]\n'),
      };
    }
    case 'lablink-csv':
      return {
        head: () => utf8.encode('timestamp,message_type,data\r\n'),
        message({ type, ...data }, tNs) {
          const fields = [tNs === undefined ? '' : isoTime(tNs), String(type ?? ''), stringify(data)];
          return utf8.encode(`${fields.map(quoted).join(',')}\r\n`);
        },
        tail: () => NOTHING,
      };
    case 'lablink-binary':
      return {
        head: () => NOTHING,
        message(message, tNs) {
          const body = utf8.encode(text(message, tNs));
          const bytes = new Uint8Array(4 + body.byteLength);
          new DataView(bytes.buffer).setUint32(0, body.byteLength);
          bytes.set(body, 4);
          return bytes;
        },
        tail: () => NOTHING,
      };
  }
}

/** `2025-11-13T14:30:22.123456Z`: the time of a message, to the µs, as readers of the document know it. */
export function isoTime(tNs: bigint): string {
  const us = tNs / 1000n - (tNs % 1000n < 0n ? 1n : 0n);
  const ms = us / 1000n - (us % 1000n < 0n ? 1n : 0n);
  const rest = Number(us - ms * 1000n);
  return `${new Date(Number(ms)).toISOString().slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}

function text(message: Message, tNs: bigint | undefined): string {
  return stringify(tNs === undefined ? message : { _timestamp: isoTime(tNs), ...message });
}

/** JSON has no NaN and no Infinity: missing is null, overload is text. */
function stringify(value: unknown): string {
  // Asked for every number, a replacer takes most of the time; few messages need it.
  if (isPlain(value)) return JSON.stringify(value);
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return String(item);
    if (typeof item !== 'number' || Number.isFinite(item)) return item;
    if (Number.isNaN(item)) return null;
    return item > 0 ? 'overload' : '-overload';
  });
}

/** RFC 4180: quotes are doubled. */
function quoted(field: string): string {
  return `"${field.replaceAll('"', '""')}"`;
}

/** Whether JSON can say it as it is. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  return Array.isArray(value) ? value.every(isPlain) : Object.values(value).every(isPlain);
}
