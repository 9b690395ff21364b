import { Fragment, type ReactElement, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { identityText, inCardOrder, stateWord } from '../bench/instrument-words.ts';
import { showDialog } from '../screen-store.ts';
import { formatCount, formatHz } from '../text-format.ts';
import { InstrumentDetails } from './instrument-details.tsx';

/** Every attached instrument in a line; one of them in depth. */
export function InstrumentTable({ instruments }: { instruments: readonly InstrumentState[] }): ReactElement {
  const [open, setOpen] = useState<string>();
  return (
    <div className="section">
      <h2>Instruments</h2>
      {instruments.length === 0 ? (
        <p className="quiet">
          Nothing is attached. Each attached instrument shows here how fast it answers and what went wrong.
        </p>
      ) : (
        <table className="table fixed instruments-table">
          <thead>
            <tr>
              <th>Instrument</th>
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
                <Fragment key={item.id}>
                  <tr>
                    <td>
                      <b className="cut">{item.label}</b>
                      <small className="cut">
                        {identityText(item)}
                        {item.identity.firmware ? ` · firmware ${item.identity.firmware}` : ''}
                      </small>
                      <small className="num cut selectable" title={item.resource}>
                        {item.resource}
                      </small>
                    </td>
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
                        aria-label={`Exchanges of ${item.label}`}
                        onClick={() => showDialog({ kind: 'exchanges', instrument: item.id })}
                      >
                        Exchanges
                      </button>
                      <button
                        type="button"
                        className="btn small"
                        aria-expanded={open === item.id}
                        aria-label={`Details of ${item.label}`}
                        onClick={() => setOpen(open === item.id ? undefined : item.id)}
                      >
                        Details
                      </button>
                    </td>
                  </tr>
                  {open === item.id && (
                    <tr className="details-row">
                      <td colSpan={8}>
                        <InstrumentDetails instrument={item.id} />
                      </td>
                    </tr>
                  )}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      )}
    </div>
  );
}
