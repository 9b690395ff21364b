import { type ReactElement, useEffect, useRef, useState } from 'react';
import type { CodecResult } from '../../contract/server-stats-schema.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { formatBytes, formatCount } from '../text-format.ts';
import { useAttempt } from './attempt.ts';

const ITERATIONS = 1000;

/** Measures on a click how the codecs of lab servers do on this machine; folded away, it stops. */
export function CodecBench(): ReactElement {
  const [results, setResults] = useState<readonly CodecResult[]>([]);
  const { busy, problem, attempt } = useAttempt();
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const measure = async (): Promise<void> => {
    const measuring = new AbortController();
    stop.current = measuring;
    setResults((await call('server.benchmark', { iterations: ITERATIONS }, { signal: measuring.signal })).results);
  };
  const [first] = results;
  return (
    <>
      <div className="server-trend-head">
        <h3>Codecs on this machine</h3>
        <button
          type="button"
          className="btn small"
          disabled={busy}
          title={`${ITERATIONS} iterations of each on a second of a synthetic electrocardiogram; measuring goes on meanwhile`}
          onClick={() => void attempt(measure)}
        >
          {busy ? 'Measuring…' : 'Measure'}
        </button>
        {first && (
          <span className="quiet num">
            {formatCount(first.iterations)} iterations, {formatBytes(first.plainBytes)} as JSON
          </span>
        )}
      </div>
      {results.length > 0 && (
        <table className="server-streams num" data-testid="codec-results">
          <thead>
            <tr>
              <th>Codec</th>
              <th>Compression</th>
              <th>Decompression</th>
              <th>Saved</th>
              <th>Throughput</th>
            </tr>
          </thead>
          <tbody>
            {results.map(({ codec, compressMs, decompressMs, savedPercent, throughputMbps }) => (
              <tr key={codec}>
                <td>{codec}</td>
                <td>{compressMs.toFixed(3)} ms</td>
                <td>{decompressMs.toFixed(3)} ms</td>
                <td>{savedPercent.toFixed(1)} %</td>
                <td>{throughputMbps.toFixed(1)} Mbps</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {problem && <Problem error={problem} />}
    </>
  );
}
