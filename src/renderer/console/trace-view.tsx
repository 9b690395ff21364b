import { type ReactElement, useEffect, useMemo, useRef, useState } from 'react';
import type { ExchangeRecord, InstrumentState } from '../../contract/instrument-schema.ts';
import { showError } from '../actions.ts';
import { clientStore } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { plural } from '../text-format.ts';
import { ExchangeList } from './exchange-list.tsx';

const KEPT = 1000;

/** What is said between the engine and all instruments, as it happens. */
export function TraceView({ instruments }: { instruments: readonly InstrumentState[] }): ReactElement {
  const client = useStore(clientStore, (value) => value);
  const [lines, setLines] = useState<readonly ExchangeRecord[]>([]);
  const [isPaused, setIsPaused] = useState(false);
  const [instrument, setInstrument] = useState('');
  const [filter, setFilter] = useState('');
  const paused = useRef(isPaused);
  paused.current = isPaused;

  useEffect(() => {
    if (!client) return;
    const stop = client.on('exchange.happened', ({ exchanges }) => {
      if (!paused.current) setLines((now) => [...now, ...exchanges].slice(-KEPT));
    });
    client.call('trace.watch', { on: true }).catch(showError);
    return () => {
      stop();
      client.call('trace.watch', { on: false }).catch(() => {});
    };
  }, [client]);

  const names = useMemo(() => new Map(instruments.map((item) => [item.id, item.label])), [instruments]);
  const shown = useMemo(() => {
    const text = filter.toLowerCase();
    return lines.filter(
      (line) => (!instrument || line.instrument === instrument) && (!text || line.text.toLowerCase().includes(text)),
    );
  }, [lines, instrument, filter]);
  return (
    <div className="console">
      <div className="console-head">
        <select
          className="input console-pick"
          aria-label="Instrument"
          value={instrument}
          onChange={(event) => setInstrument(event.target.value)}
        >
          <option value="">All instruments</option>
          {instruments.map((item) => (
            <option key={item.id} value={item.id}>
              {item.label}
            </option>
          ))}
        </select>
        <input
          className="input num trace-filter"
          type="search"
          aria-label="Show lines with"
          placeholder="Show lines with…"
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
        <span className="grow" />
        <span className="quiet">{plural(shown.length, 'line')}</span>
        <button type="button" className="btn small" aria-pressed={isPaused} onClick={() => setIsPaused(!isPaused)}>
          {isPaused ? 'Go on' : 'Pause'}
        </button>
        <button type="button" className="btn small" disabled={lines.length === 0} onClick={() => setLines([])}>
          Clear
        </button>
      </div>
      {shown.length === 0 ? (
        <p className="empty">{lines.length === 0 ? 'Waiting for the next exchange…' : 'No line fits the filter.'}</p>
      ) : (
        <ExchangeList exchanges={shown} nameOf={(id) => names.get(id) ?? id} />
      )}
    </div>
  );
}
