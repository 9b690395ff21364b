import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

interface Told {
  stream_type?: string;
  data?: Record<string, unknown> & { channels?: Record<string, unknown[]> };
}

/** Samples in exported files of messages, read back as docs/lablink-formats.md says they are. Throws where a file is not so. */
export async function countSamples(format: string, paths: readonly string[]): Promise<number> {
  let samples = 0;
  for (const path of paths) {
    const bytes = await readFile(path);
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
    for (const text of textsOf(format, isPacked ? gunzipSync(bytes) : bytes)) samples += samplesOf(JSON.parse(text));
  }
  return samples;
}

function samplesOf({ stream_type: type, data = {} }: Told): number {
  if (type === 'acquisition') return Object.values(data.channels ?? {}).reduce((sum, { length }) => sum + length, 0);
  return type === 'readings' ? Object.keys(data).filter((name) => !name.startsWith('~')).length : 0;
}

function* textsOf(format: string, bytes: Buffer): Generator<string> {
  if (format === 'lablink-binary') {
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt32BE(at);
      yield bytes.toString('utf8', at + 4, end);
      at = end;
    }
    return;
  }
  for (const line of linesOf(bytes)) {
    if (format === 'lablink-jsonl') yield line;
    else if (format === 'lablink-json') {
      if (line !== '[' && line !== ']') yield line.replace(/,$/, '');
    } else if (!line.startsWith('timestamp,')) {
      const [, type = '', data = ''] = /^"[^"]*","([^"]*)","(.*)"\r$/s.exec(line) ?? [];
      if (type === '') throw new Error(`no line of messages: ${line.slice(0, 80)}`);
      yield data.replaceAll('""', '"');
    }
  }
}

function* linesOf(bytes: Buffer): Generator<string> {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) throw new Error('the last line has no end');
    yield bytes.toString('utf8', at, end);
    at = end + 1;
  }
}
