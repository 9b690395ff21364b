import { type FormEvent, type ReactElement, useState } from 'react';
import { type PolledQuery, polledQuery } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import { Dialog } from '../control/dialog.tsx';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, call } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { titleOf } from './instrument-words.ts';

const EMPTY: PolledQuery = { name: '', query: '', unit: '' };

/** "Poll this query": each row is asked in every round, and the number of its answer is a channel like any other. */
export function QueriesDialog({ instrument: id }: { instrument: string }): ReactElement {
  const instrument = benchStore.get()?.instruments.find((item) => item.id === id);
  const isPolled = (instrument?.queries.length ?? 0) > 0;
  const [rows, setRows] = useState<PolledQuery[]>(() => (isPolled && instrument ? instrument.queries : [EMPTY]));
  const [error, setError] = useState<LabError>();
  const change = (index: number, piece: Partial<PolledQuery>): void =>
    setRows((now) => now.map((row, at) => (at === index ? { ...row, ...piece } : row)));
  const filled = rows.filter(({ name, query }) => name || query);
  const isRight = (row: PolledQuery): boolean => polledQuery.safeParse(row).success && row.query.includes('?');
  const areUnique = new Set(filled.map(({ name }) => name)).size === filled.length;
  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    try {
      await call('instrument.setQueries', { instrument: id, queries: filled });
      closeDialog();
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
  };
  return (
    <Dialog title={`${instrument ? titleOf(instrument) : id}: poll queries`} wide onClose={closeDialog}>
      <form className="dialog-form" onSubmit={(event) => void save(event)}>
        <div className="dialog-body queries">
          <p className="quiet">
            Each is asked in every round. The first number of its answer is a channel: plotted, recorded and watched by
            alarms like any other.
          </p>
          <div className="query-row query-head quiet" aria-hidden="true">
            <span>Query</span>
            <span>Channel</span>
            <span>Unit</span>
          </div>
          {rows.map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a row has nothing else that stays while it is typed
            <div className="query-row" key={index} data-wrong={filled.includes(row) && !isRight(row)}>
              <input
                className="input num"
                aria-label={`Query ${index + 1}`}
                placeholder=":MEAS:VOLT?"
                value={row.query}
                maxLength={500}
                onChange={(event) => change(index, { query: event.target.value })}
              />
              <input
                className="input num"
                aria-label={`Channel ${index + 1}`}
                placeholder="voltage"
                title="Name of the channel: lower case letters, digits, dot and dash"
                value={row.name}
                maxLength={41}
                onChange={(event) => change(index, { name: event.target.value })}
              />
              <input
                className="input num"
                aria-label={`Unit ${index + 1}`}
                placeholder="V"
                value={row.unit}
                maxLength={20}
                onChange={(event) => change(index, { unit: event.target.value })}
              />
              <button
                type="button"
                className="btn icon"
                aria-label={`Remove query ${index + 1}`}
                onClick={() => setRows((now) => now.filter((_, at) => at !== index))}
              >
                <Icon name="close" />
              </button>
            </div>
          ))}
          <button
            type="button"
            className="btn"
            disabled={rows.length >= 50}
            onClick={() => setRows((now) => [...now, EMPTY])}
          >
            <Icon name="plus" /> Query
          </button>
          {!areUnique && <p className="tone-bad">Two rows have the same channel name.</p>}
          {filled.some((row) => !isRight(row)) && (
            <p className="quiet">
              A row needs a query with a “?” and a channel name of lower case letters, digits, dot and dash.
            </p>
          )}
          {error && <Problem error={error} />}
        </div>
        <footer className="dialog-foot">
          <span className="grow" />
          <button type="button" className="btn" onClick={closeDialog}>
            Cancel
          </button>
          <button
            type="submit"
            className="btn primary"
            disabled={!areUnique || !filled.every(isRight) || (filled.length === 0 && !isPolled)}
          >
            {filled.length === 0 && isPolled ? 'Poll nothing' : 'Poll them'}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
