import { type ReactElement, useMemo } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import { EmptyBench } from '../attach/empty-bench.tsx';
import { Icon } from '../control/icon.tsx';
import { benchStore, lastClientStore } from '../engine-link.ts';
import { shortcutText } from '../key-words.ts';
import { VIEW_ONLY } from '../lacks-right.ts';
import { useMay } from '../may.ts';
import { PlotArea } from '../plot/plot-area.tsx';
import { screenStore, showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { plural } from '../text-format.ts';
import { InstrumentCard } from './instrument-card.tsx';
import { inCardOrder } from './instrument-words.ts';

/** A card per instrument, and the plots beside them. */
export function BenchScreen(): ReactElement {
  const isEmpty = useStore(benchStore, (bench) => bench?.instruments.length === 0);
  const isFolded = useStore(screenStore, (state) => state.isFolded);
  if (isEmpty) return <EmptyBench />;
  return (
    <section className="bench" aria-label="Bench" data-folded={isFolded}>
      <h1 className="sr-only">Bench</h1>
      {!isFolded && <Cards />}
      <BenchPlots />
    </section>
  );
}

function Cards(): ReactElement {
  const instruments = useStore(benchStore, (bench) => bench?.instruments);
  const channels = useStore(benchStore, (bench) => bench?.channels);
  const mayControl = useMay('control');
  const ids = useMemo(() => instruments?.map((item) => item.id) ?? [], [instruments]);
  return (
    <div className="cards-column">
      <div className="cards-bar">
        <span className="quiet">{plural(ids.length, 'instrument')}</span>
        <span className="grow" />
        <button
          type="button"
          className="btn small"
          disabled={!mayControl}
          title={mayControl ? `Attach an instrument (${shortcutText('N')})` : VIEW_ONLY}
          onClick={() => showDialog({ kind: 'attach' })}
        >
          <Icon name="plus" />
          Attach
        </button>
        <button
          type="button"
          className="btn small"
          title="Fold the cards away"
          aria-label="Fold the cards away"
          onClick={fold}
        >
          <Icon name="panel" />
        </button>
      </div>
      <div className="cards">
        {inCardOrder(instruments ?? []).map((instrument) => (
          <InstrumentCard key={instrument.id} instrument={instrument} channels={channels ?? []} />
        ))}
      </div>
    </div>
  );
}

function BenchPlots(): ReactElement {
  const client = useStore(lastClientStore, (value) => value);
  const bench = useStore(benchStore, (value) => value) as BenchState;
  const isFolded = useStore(screenStore, (state) => state.isFolded);
  return (
    <div className="bench-plots">
      {isFolded && (
        <button
          type="button"
          className="btn small unfold"
          title="Show the cards"
          aria-label="Show the cards"
          onClick={fold}
        >
          <Icon name="panel" />
        </button>
      )}
      {client && <PlotArea client={client} bench={bench} origin="live" />}
    </div>
  );
}

function fold(): void {
  screenStore.update((state) => ({ ...state, isFolded: !state.isFolded }));
}
