import { type ReactElement, useState } from 'react';
import { act } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { shortcutText } from '../key-words.ts';
import { showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { attachAll } from './attach-all.ts';

/** Those on one circuit. What the simulated bench has beside them, to try other ways with, waits in the list of instruments found. */
const ON_THE_CIRCUIT = new Set(['supply', 'meter', 'scope', 'load', 'daq']);

/** The first minute: what a bench is, and the two ways to fill it. */
export function EmptyBench(): ReactElement {
  const simulator = useStore(benchStore, (bench) => bench?.simulator);
  const [busy, setBusy] = useState(false);
  const start = async (): Promise<void> => {
    setBusy(true);
    const state = await act('bench.start', {});
    if (state) await attachAll(state.instruments.filter(({ name }) => ON_THE_CIRCUIT.has(name)));
    setBusy(false);
  };
  return (
    <div className="empty" data-testid="empty-bench">
      <h1 className="sr-only">Bench</h1>
      <Icon name="bench" />
      <h2>Nothing on the bench yet</h2>
      <p>
        Attach an instrument and it gets a card here, its readings move on the plot beside it, and one click records
        them. Nothing is reset and no output changes when you attach.
      </p>
      <div className="row">
        <button type="button" className="btn primary" onClick={() => showDialog({ kind: 'attach' })}>
          Attach… <span className="kbd on-primary">{shortcutText('N')}</span>
        </button>
        <button
          type="button"
          className="btn"
          disabled={busy || simulator?.state === 'unavailable'}
          title={simulator?.reason ?? 'Five simulated instruments on one circuit, behind real sockets and serial lines'}
          onClick={() => void start()}
        >
          <Icon name="simulator" />
          {busy ? 'Starting…' : 'Try the simulated bench'}
        </button>
      </div>
      <p className="quiet">
        The simulated bench is a supply, a meter, a load, a scope and a streaming device wired to one circuit; others on
        GPIB, USB and Modbus wait in the list of Attach. They are real servers of real protocols, so what works on them
        works on hardware.
      </p>
      {simulator?.state === 'unavailable' && <p className="quiet">{simulator.reason}</p>}
    </div>
  );
}
