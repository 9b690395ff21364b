import { type FormEvent, type ReactElement, useCallback, useEffect, useState } from 'react';
import type { FoundInstrument } from '../../contract/discovery-schema.ts';
import { LabError } from '../../core/errors.ts';
import { Dialog } from '../control/dialog.tsx';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, call } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { plural } from '../text-format.ts';
import { attachAll, attachOne, keyOf } from './attach-all.ts';
import { FoundRow } from './found-row.tsx';

/** One list of everything found, and a box for everything else. */
export function AttachDialog(): ReactElement {
  const [found, setFound] = useState<FoundInstrument[]>();
  const [tookMs, setTookMs] = useState(0);
  const [searching, setSearching] = useState(true);
  const [busy, setBusy] = useState<ReadonlySet<string>>(new Set());
  const [failures, setFailures] = useState<ReadonlyMap<string, LabError>>(new Map());
  const [error, setError] = useState<LabError>();
  const [resource, setResource] = useState('');
  const attached = useStore(benchStore, (bench) => bench?.instruments);
  const simulator = useStore(benchStore, (bench) => bench?.simulator.state);

  const search = useCallback(async (): Promise<void> => {
    setSearching(true);
    const start = performance.now();
    try {
      setFound((await call('instrument.find', {})).found);
      setTookMs(performance.now() - start);
      setError(undefined);
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
    setSearching(false);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: searches again when something was attached or the simulated bench came or went
  useEffect(() => void search(), [search, attached?.length, simulator]);

  const mark = (key: string, isBusy: boolean): void =>
    setBusy((now) => new Set(isBusy ? [...now, key] : [...now].filter((item) => item !== key)));
  const fail = (key: string, failure: LabError | undefined): void =>
    setFailures((now) => {
      const next = new Map(now);
      if (failure) next.set(key, failure);
      else next.delete(key);
      return next;
    });
  const attach = async (row: FoundInstrument): Promise<void> => {
    const key = keyOf(row);
    mark(key, true);
    fail(key, undefined);
    try {
      await attachOne(row);
    } catch (thrown) {
      fail(key, LabError.from(thrown));
    }
    mark(key, false);
  };
  const attachTyped = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const text = resource.trim();
    if (!text) return;
    mark('typed', true);
    setError(undefined);
    try {
      await call('instrument.open', { resource: text });
      // What was typed in the meantime stays.
      setResource((now) => (now.trim() === text ? '' : now));
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
    mark('typed', false);
  };
  const startBench = async (): Promise<void> => {
    mark('simulator', true);
    setError(undefined);
    try {
      await call('bench.start', {});
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
    mark('simulator', false);
  };
  const all = async (): Promise<void> => {
    mark('all', true);
    setFailures(await attachAll(found ?? []));
    mark('all', false);
  };

  const available = found?.filter((row) => row.state === 'available') ?? [];
  const isTyping = busy.has('typed');
  return (
    <Dialog
      wide
      closesOutside
      title="Attach"
      onClose={closeDialog}
      head={
        <form className="attach-head" onSubmit={(event) => void attachTyped(event)}>
          <input
            className="input num"
            aria-label="Address, host or resource string"
            placeholder="Type an address, host or resource string…"
            title="TCPIP0::192.168.1.20::5025::SOCKET, ASRL/dev/ttyUSB0::INSTR, or a bare host[:port]"
            value={resource}
            maxLength={500}
            onChange={(event) => setResource(event.target.value)}
          />
          <button type="submit" className="btn primary" disabled={isTyping || !resource.trim()}>
            {isTyping ? 'Attaching…' : 'Attach'}
          </button>
          {simulator !== 'running' && (
            <button
              type="button"
              className="btn"
              disabled={busy.has('simulator') || simulator === 'starting' || simulator === 'unavailable'}
              onClick={() => void startBench()}
            >
              <Icon name="simulator" />
              Simulated bench
            </button>
          )}
        </form>
      }
      foot={
        <>
          <span className="quiet" role="status">
            {searching
              ? 'Looking at serial ports and the simulated bench…'
              : `${plural(found?.length ?? 0, 'instrument')} found in ${(tookMs / 1000).toFixed(1)} s · simulated bench, serial ports, remembered`}
          </span>
          <span className="grow" />
          <button type="button" className="btn" disabled={searching} onClick={() => void search()}>
            Look again
          </button>
          <button
            type="button"
            className="btn primary"
            disabled={available.length === 0 || busy.has('all')}
            onClick={() => void all()}
          >
            {busy.has('all') ? 'Attaching…' : available.length > 1 ? `Attach all ${available.length}` : 'Attach all'}
          </button>
        </>
      }
    >
      <div className={searching ? 'progress busy' : 'progress'}>{searching && <i />}</div>
      <div className="dialog-body flush found-list">
        {error && (
          <div className="found-problem">
            <Problem error={error} />
          </div>
        )}
        {found?.map((row) => (
          <FoundRow
            key={keyOf(row)}
            row={row}
            isBusy={busy.has(keyOf(row)) || (busy.has('all') && row.state === 'available')}
            failure={failures.get(keyOf(row))}
            onAttach={() => void attach(row)}
          />
        ))}
        {found?.length === 0 && !searching && (
          <div className="empty">
            <h2>Nothing found by itself</h2>
            <p>
              Type the address of an instrument above, for example <code className="num">192.168.1.20:5025</code> or{' '}
              <code className="num">ASRL/dev/ttyUSB0::INSTR</code>, or start the simulated bench.
            </p>
          </div>
        )}
      </div>
    </Dialog>
  );
}
