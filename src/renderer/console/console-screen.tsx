import { type ReactElement, useState } from 'react';
import { inCardOrder } from '../bench/instrument-words.ts';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { screenStore, showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { ConsoleSession } from './console-session.tsx';
import { TraceView } from './trace-view.tsx';

/** Talk to one instrument by hand; or see what is said to all of them. */
export function ConsoleScreen(): ReactElement {
  const instruments = inCardOrder(useStore(benchStore, (bench) => bench?.instruments) ?? []);
  const wanted = useStore(screenStore, (state) => state.console);
  const [view, setView] = useState<'session' | 'trace'>('session');
  const instrument = instruments.find((item) => item.id === wanted) ?? instruments[0];
  return (
    <section className="view" aria-label="Console">
      <div className="view-bar">
        <h1>Console</h1>
        <div className="seg" role="tablist" aria-label="Console">
          <button type="button" role="tab" aria-selected={view === 'session'} onClick={() => setView('session')}>
            One instrument
          </button>
          <button type="button" role="tab" aria-selected={view === 'trace'} onClick={() => setView('trace')}>
            Trace of all
          </button>
        </div>
        <span className="grow" />
        {view === 'session' && instrument && (
          <select
            className="input console-pick"
            aria-label="Instrument"
            value={instrument.id}
            onChange={(event) => screenStore.update((state) => ({ ...state, console: event.target.value }))}
          >
            {instruments.map((item) => (
              <option key={item.id} value={item.id}>
                {item.label}
              </option>
            ))}
          </select>
        )}
      </div>
      <div className="view-body">
        {instruments.length === 0 ? (
          <div className="empty">
            <Icon name="console" />
            <h2>Nobody to talk to yet</h2>
            <p>Attach an instrument; then type its commands here. What ends in “?” reads the reply by itself.</p>
            <div className="row">
              <button type="button" className="btn primary" onClick={() => showDialog({ kind: 'attach' })}>
                Attach…
              </button>
            </div>
          </div>
        ) : view === 'trace' ? (
          <TraceView instruments={instruments} />
        ) : (
          instrument && <ConsoleSession key={instrument.id} instrument={instrument} />
        )}
      </div>
    </section>
  );
}
