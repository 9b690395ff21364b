import { type ReactElement, useEffect, useState } from 'react';
import type { AttachOptions, DiscoveryState, FoundInstrument } from '../../contract/discovery-schema.ts';
import { LabError } from '../../core/errors.ts';
import { act } from '../actions.ts';
import { Dialog } from '../control/dialog.tsx';
import { Icon } from '../control/icon.tsx';
import { Popover } from '../control/popover.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore } from '../engine-link.ts';
import { closeDialog, showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { attachAll, attachOne } from './attach-all.ts';
import { useDiscovery } from './discovery-watch.ts';
import { DoctorPanel } from './doctor-panel.tsx';
import { FoundRow } from './found-row.tsx';
import { ScanButton } from './scan-button.tsx';
import { SOURCE_WORDS, searchProgress, searchText, unavailableSearches } from './search-words.ts';
import { TypedAddress, type TypedProblem } from './typed-address.tsx';

/** One list of everything found, a row per instrument, and a box for everything else. */
export function AttachDialog(): ReactElement {
  const discovery = useDiscovery();
  const tookMs = useFirstRowsMs(discovery);
  const [busy, setBusy] = useState<ReadonlySet<string>>(new Set());
  const [failures, setFailures] = useState<ReadonlyMap<string, LabError>>(new Map());
  const [typed, setTyped] = useState<TypedProblem>();
  const simulator = useStore(benchStore, (bench) => bench?.simulator.state);

  const during = async (key: string, work: () => Promise<unknown>): Promise<void> => {
    setBusy((now) => new Set([...now, key]));
    await work();
    setBusy((now) => new Set([...now].filter((item) => item !== key)));
  };
  const attach = (row: FoundInstrument, resource?: string, options?: AttachOptions): Promise<void> =>
    during(row.key, async () => {
      setFailures((now) => new Map([...now].filter(([key]) => key !== row.key)));
      try {
        await attachOne(row, resource, options);
      } catch (thrown) {
        setFailures((now) => new Map([...now, [row.key, LabError.from(thrown)]]));
      }
    });
  const available = discovery.found.filter((row) => row.state === 'available');
  const unavailable = unavailableSearches(discovery);
  const progress = searchProgress(discovery);
  return (
    <Dialog
      wide
      closesOutside
      title="Attach"
      onClose={closeDialog}
      head={
        <>
          <TypedAddress onProblem={setTyped} />
          <button type="button" className="btn" onClick={() => showDialog({ kind: 'servers' })}>
            <Icon name="server" />
            Lab server…
          </button>
          {simulator !== 'running' && (
            <button
              type="button"
              className="btn"
              disabled={busy.has('simulator') || simulator === 'starting' || simulator === 'unavailable'}
              onClick={() => void during('simulator', () => act('bench.start', {}))}
            >
              <Icon name="simulator" />
              Simulated bench
            </button>
          )}
        </>
      }
      foot={
        <>
          <span className="quiet cut" role="status" title={searchText(discovery, tookMs)}>
            {searchText(discovery, tookMs)}
          </span>
          {unavailable.length > 0 && <Unavailable searches={unavailable} />}
          <span className="grow" />
          <ScanButton disabled={discovery.isSearching} />
          {discovery.isSearching ? (
            <button type="button" className="btn" onClick={() => void act('discovery.cancel', {})}>
              Stop looking
            </button>
          ) : (
            <button type="button" className="btn" onClick={() => void act('discovery.search', {})}>
              Look again
            </button>
          )}
          <button
            type="button"
            className="btn primary"
            disabled={available.length === 0 || busy.has('all')}
            onClick={() => void during('all', async () => setFailures(await attachAll(available)))}
          >
            {busy.has('all') ? 'Attaching…' : available.length > 1 ? `Attach all ${available.length}` : 'Attach all'}
          </button>
        </>
      }
    >
      <div className={discovery.isSearching ? 'progress busy' : 'progress'}>
        {discovery.isSearching && <i style={progress === undefined ? {} : { width: `${progress * 100}%` }} />}
      </div>
      <div className="dialog-body flush found-list">
        {typed && (
          <div className="found-problem">
            <Problem error={typed.error}>
              <button
                type="button"
                className="btn icon"
                aria-label="Close this error"
                onClick={() => setTyped(undefined)}
              >
                <Icon name="close" />
              </button>
            </Problem>
            {typed.error.code !== 'resource.malformed' && (
              <DoctorPanel
                key={typed.resource}
                resource={typed.resource}
                onAttach={(options) =>
                  void act('instrument.open', { resource: typed.resource, ...(options ? { options } : {}) }).then(
                    (done) => done && setTyped(undefined),
                  )
                }
              />
            )}
          </div>
        )}
        {discovery.found.map((row) => (
          <FoundRow
            key={row.key}
            row={row}
            isBusy={busy.has(row.key) || (busy.has('all') && row.state === 'available')}
            failure={failures.get(row.key)}
            onAttach={(resource, options) => void attach(row, resource, options)}
          />
        ))}
        {discovery.found.length === 0 && !discovery.isSearching && (
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

/** Ways of looking that are not there: never hidden, each with its reason. */
function Unavailable({ searches }: { searches: DiscoveryState['searches'] }): ReactElement {
  const words = searches.map(({ source }) => SOURCE_WORDS[source]);
  const reasons = [...new Set(searches.map(({ reason }) => reason))];
  return (
    <Popover
      className="link-quiet tone-warn unavailable"
      label={`Not looked at: ${words.join(', ')}`}
      title="Why not"
      testId="unavailable-searches"
      button={words.length > 2 ? `${words.length} ways not looked at` : `not looked at: ${words.join(', ')}`}
    >
      {() => (
        <dl className="popover-body unavailable-list">
          {reasons.map((reason) => (
            <div key={reason}>
              <dt>{searches.flatMap((one) => (one.reason === reason ? [SOURCE_WORDS[one.source]] : [])).join(', ')}</dt>
              <dd className="quiet">{reason}</dd>
            </div>
          ))}
        </dl>
      )}
    </Popover>
  );
}

/** ms from opening the dialog to the end of the first search. */
function useFirstRowsMs({ isSearching, found }: DiscoveryState): number | undefined {
  const [startMs] = useState(() => performance.now());
  const [tookMs, setTookMs] = useState<number>();
  const isDone = !isSearching && found.length > 0;
  useEffect(() => {
    if (isDone) setTookMs((now) => now ?? performance.now() - startMs);
  }, [isDone, startMs]);
  return tookMs;
}
