import { benchCodecs } from '../src/engine/lab/codec-bench.ts';
import { codecLines } from '../src/headless/messages/codec-lines.ts';
import { printBench } from './bench-table.ts';

/** What another client says of its codec on an electrocardiogram: 1,000 iterations, ms each way, % saved, Mbps. */
const THEIRS = { compressMs: 8.2, decompressMs: 3.1, savedPercent: 78.5, throughputMbps: 12.4 };
const ITERATIONS = 1000;

const results = await benchCodecs(ITERATIONS);
for (const line of codecLines(results)) console.log(line);
const [own] = results;
if (!own) throw new Error('no codec was measured');
const peer = 'zlib there';
const isMet = printBench(`344 codec: rows of labwire.1, ${ITERATIONS} iterations`, [
  { what: 'compression', unit: 'ms', us: own.compressMs, peer, theirs: THEIRS.compressMs, atMost: 1 },
  { what: 'decompression', unit: 'ms', us: own.decompressMs, peer, theirs: THEIRS.decompressMs, atMost: 1 },
  { what: 'saved', unit: '%', us: own.savedPercent, peer, theirs: THEIRS.savedPercent, atLeast: 1 },
  { what: 'throughput', unit: 'Mbps', us: own.throughputMbps, peer, theirs: THEIRS.throughputMbps, atLeast: 1 },
]);
process.exitCode = isMet ? 0 : 1;
