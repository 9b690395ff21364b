import type { ReactElement } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { identityText, inCardOrder, stateWord } from '../bench/instrument-words.ts';
import { benchStore, linkStore, pulseStore } from '../engine-link.ts';
import { showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { formatBytes, formatClock, formatCount, formatDate, formatHz, msOf } from '../text-format.ts';
import { FaultTable } from './fault-table.tsx';

const SHOWN_LINES = 60;

/** What is known about instruments, link, engine and the simulated bench; and what was said to the person. */
export function DiagnosticsScreen(): ReactElement {
  const bench = useStore(benchStore, (value) => value) as BenchState;
  return (
    <section className="view" aria-label="Diagnostics">
      <div className="view-bar">
        <h1>Diagnostics</h1>
      </div>
      <div className="view-body sections">
        <Instruments instruments={bench.instruments} />
        <div className="two">
          <EngineFacts />
          <LinkFacts />
        </div>
        <FaultTable simulator={bench.simulator} />
        <Lines bench={bench} />
      </div>
    </section>
  );
}

function Instruments({ instruments }: { instruments: readonly InstrumentState[] }): ReactElement {
  return (
    <div className="section">
      <h2>Instruments</h2>
      {instruments.length === 0 ? (
        <p className="quiet">
          Nothing is attached. Each attached instrument shows here how fast it answers and what went wrong.
        </p>
      ) : (
        <table className="table">
          <thead>
            <tr>
              <th>Instrument</th>
              <th>Address</th>
              <th>State</th>
              <th>Rate got / asked</th>
              <th>Round trip</th>
              <th>Timeouts</th>
              <th>Malformed</th>
              <th>Lost</th>
              <th>
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {inCardOrder(instruments).map((item) => {
              const { word, tone } = stateWord(item);
              return (
                <tr key={item.id}>
                  <td>
                    <b>{item.label}</b>
                    <small>
                      {identityText(item)}
                      {item.identity.firmware ? ` · firmware ${item.identity.firmware}` : ''}
                    </small>
                  </td>
                  <td className="num selectable address">{item.resource}</td>
                  <td className={`tone-${tone}`}>
                    {word}
                    {item.lastError && (
                      <small className="cut error-cell" title={item.lastError.message}>
                        {item.lastError.code}
                      </small>
                    )}
                  </td>
                  <td className="num">
                    {formatHz(item.rateGotHz)} / {formatHz(item.rateAskedHz)}
                  </td>
                  <td className="num">{item.roundTripMs === null ? '–' : `${item.roundTripMs.toFixed(1)} ms`}</td>
                  <td className="num">{formatCount(item.timeouts)}</td>
                  <td className="num">{formatCount(item.malformed)}</td>
                  <td className="num">{formatCount(item.lost)}</td>
                  <td className="actions">
                    <button
                      type="button"
                      className="btn small"
                      onClick={() => showDialog({ kind: 'exchanges', instrument: item.id })}
                    >
                      Exchanges
                    </button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </div>
  );
}

function EngineFacts(): ReactElement {
  const pulse = useStore(pulseStore, (value) => value);
  const engine = useStore(linkStore, (link) => link.engine);
  return (
    <div className="section">
      <h2>Engine</h2>
      <dl className="facts num">
        <dt>Version</dt>
        <dd>{engine ? `${engine.version} (${engine.host})` : '–'}</dd>
        <dt>Started</dt>
        <dd>{engine ? formatDate(msOf(engine.startedNs)) : '–'}</dd>
        <dt>Processor, memory</dt>
        <dd>{pulse ? `${Math.round(pulse.cpu * 100)} % of a core · ${formatBytes(pulse.memoryBytes)}` : '–'}</dd>
        <dt>History in memory</dt>
        <dd>{pulse ? formatBytes(pulse.historyBytes) : '–'}</dd>
        <dt>Wire to engine</dt>
        <dd>{pulse ? `${pulse.latencyP50Ms.toFixed(1)} / ${pulse.latencyP95Ms.toFixed(1)} ms (half / 95 %)` : '–'}</dd>
        <dt>Missed by this screen</dt>
        <dd>{pulse ? `${formatCount(pulse.skippedRows)} rows (the recording has them)` : '–'}</dd>
        <dt>Data folder</dt>
        <dd className="selectable">{engine?.dataFolder ?? '–'}</dd>
      </dl>
    </div>
  );
}

function LinkFacts(): ReactElement {
  const link = useStore(linkStore, (value) => value);
  return (
    <div className="section">
      <h2>Link</h2>
      <ol className="lines num">
        {link.history.slice(-8).map((line) => (
          <li key={`${line.at} ${line.text}`}>
            <time className="quiet">{formatClock(line.at, false)}</time> {line.text}
          </li>
        ))}
      </ol>
    </div>
  );
}

function Lines({ bench }: { bench: BenchState }): ReactElement {
  const lines = [
    ...bench.notices.map((item) => ({
      key: `n ${item.id}`,
      t: item.t,
      text: item.text,
      code: item.code ?? '',
      kind: item.severity,
    })),
    ...bench.events.map((item) => ({ key: `e ${item.id}`, t: item.t, text: item.text, code: '', kind: item.kind })),
  ]
    .sort((a, b) => (BigInt(b.t) > BigInt(a.t) ? 1 : -1))
    .slice(0, SHOWN_LINES);
  return (
    <div className="section">
      <h2>Events and notices</h2>
      {lines.length === 0 && <p className="quiet">Nothing has happened yet.</p>}
      <ol className="lines">
        {lines.map((line) => (
          <li key={line.key}>
            <time className="num quiet">{formatClock(msOf(line.t), false)}</time>
            <span className="kind quiet">{line.kind}</span>
            <span className="selectable">
              {line.text} {line.code && <code className="num quiet">{line.code}</code>}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
