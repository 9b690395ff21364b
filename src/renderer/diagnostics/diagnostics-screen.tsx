import type { ReactElement } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import { benchStore, linkStore, pulseStore } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { formatBytes, formatClock, formatCount, formatDate, msOf } from '../text-format.ts';
import { FaultTable } from './fault-table.tsx';
import { InstrumentTable } from './instrument-table.tsx';
import { SupportButton } from './support-button.tsx';

const SHOWN_LINES = 60;

/** What is known about instruments, link, engine and the simulated bench; and what was said to the person. */
export function DiagnosticsScreen(): ReactElement {
  const bench = useStore(benchStore, (value) => value) as BenchState;
  return (
    <section className="view" aria-label="Diagnostics">
      <div className="view-bar">
        <h1>Diagnostics</h1>
        <span className="grow" />
        <SupportButton />
      </div>
      <div className="view-body sections">
        <InstrumentTable instruments={bench.instruments} />
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
