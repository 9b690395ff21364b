import type { CodecResult } from '../../contract/server-stats-schema.ts';

/** How the codecs did, as a table for people. */
export function codecLines(results: readonly CodecResult[]): string[] {
  const [first] = results;
  if (!first) return [];
  const rows = results.map(({ codec, compressMs, decompressMs, savedPercent, throughputMbps }) => [
    codec,
    `${compressMs.toFixed(3)} ms`,
    `${decompressMs.toFixed(3)} ms`,
    `${savedPercent.toFixed(1)} %`,
    `${throughputMbps.toFixed(1)} Mbps`,
  ]);
  const table = [['codec', 'compression', 'decompression', 'saved', 'throughput'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return [
    `${first.iterations} iterations each, one second of a synthetic electrocardiogram of 12 leads: ${first.plainBytes} bytes as JSON`,
    ...table.map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    ),
  ];
}
