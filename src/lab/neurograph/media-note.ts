import type { Inflater } from '../../protocol/lab/compression.ts';
import { inflateGuarded } from '../../protocol/lab/compression.ts';
import type { NeurographFrame } from '../../protocol/lab/neurograph-frame.ts';
import { parseNeurographFrame } from '../../protocol/lab/neurograph-frame.ts';
import { parseTolerantJson, parseTolerantJsonBytes } from '../../protocol/lab/tolerant-json.ts';

/** A binary message: a value that was compressed JSON, or media to show, hear or save. */
export type BinaryContent =
  | { kind: 'json'; value: unknown }
  | { kind: 'media'; type: string; text: string; metadata: Record<string, unknown>; bytes: Uint8Array };

const FAMILY = { IMAGE: 'image', AUDIO: 'audio', VIDEO: 'video' } as const;

/**
 * Reads a binary message of NeuroGraph: its 8-byte frames, or bare gzip or zlib of JSON (its compressor says nothing on the wire). A broken frame gives the words of
 * its library. Throws protocol.too-long for what would inflate beyond the guards, protocol.malformed for what inflates to no JSON.
 */
export function readBinary(bytes: Uint8Array, inflater: Inflater): BinaryContent | { fault: string } {
  const found = parseNeurographFrame(bytes, parseTolerantJson);
  if ('frame' in found) {
    return found.frame.type === 'COMPRESSED_JSON'
      ? { kind: 'json', value: inflateJson(found.frame, inflater) }
      : media(found.frame);
  }
  const bare = bareKind(bytes);
  if (!bare) return found;
  return { kind: 'json', value: parseTolerantJsonBytes(inflateGuarded(inflater, bare, bytes)) };
}

function bareKind(bytes: Uint8Array): 'gzip' | 'zlib' | undefined {
  const [first = 0, second = 0] = bytes;
  if (first === 0x1f && second === 0x8b) return 'gzip';
  // Deflate with a header whose check is right (RFC 1950 2.2).
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0 ? 'zlib' : undefined;
}

function inflateJson({ metadata, payload }: NeurographFrame, inflater: Inflater): unknown {
  const kind = wordOf(metadata, 'compression') ?? 'gzip';
  if (kind === 'none') return parseTolerantJsonBytes(payload);
  const known = kind === 'zlib' || kind === 'deflate' ? kind : 'gzip';
  return parseTolerantJsonBytes(inflateGuarded(inflater, known, payload));
}

function media({ type, metadata, payload }: NeurographFrame): BinaryContent {
  const format = (wordOf(metadata, 'format') ?? '').toLowerCase().replace(/[^a-z0-9.+-]/g, '');
  const family = FAMILY[type as keyof typeof FAMILY];
  const mime = family ? `${family}/${format || 'octet-stream'}` : 'application/octet-stream';
  const details =
    typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) ? metadata : { metadata };
  return {
    kind: 'media',
    type: mime,
    text: `${type}${format ? ` ${format}` : ''}, ${payload.length} bytes`,
    metadata: { ...details },
    // The message is lent; a note is kept. `slice` of Node's Buffer would be a view.
    bytes: new Uint8Array(payload),
  };
}

function wordOf(metadata: unknown, key: string): string | undefined {
  const value =
    typeof metadata === 'object' && metadata !== null ? (metadata as Record<string, unknown>)[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}
