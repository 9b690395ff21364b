import { type ReactElement, useState } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { Fault } from '../../contract/calls.ts';
import { act, toast } from '../actions.ts';
import { Allowed } from '../control/allowed.tsx';

const FAULTS: { kind: NonNullable<Fault['kind']>; word: string }[] = [
  { kind: 'delay', word: 'answers late' },
  { kind: 'drop', word: 'drops answers' },
  { kind: 'split', word: 'splits into single bytes' },
  { kind: 'garbage', word: 'sends garbage' },
  { kind: 'wrong-order', word: 'answers in the wrong order' },
  { kind: 'hang', word: 'hangs' },
  { kind: 'disconnect', word: 'disconnects' },
];
const DELAY_MS = 3000;

/** The simulated bench: start, stop, and make its instruments misbehave, to see what Labwire does then. */
export function FaultTable({ simulator }: { simulator: BenchState['simulator'] }): ReactElement {
  const isRunning = simulator.state === 'running';
  return (
    <div className="section">
      <h2>
        Simulated bench <span className="quiet">{simulator.state}</span>
        <Allowed right="manage">
          {isRunning ? (
            <button type="button" className="btn small" onClick={() => void act('bench.stop', {})}>
              Stop
            </button>
          ) : (
            <button
              type="button"
              className="btn small"
              disabled={simulator.state === 'starting' || simulator.state === 'unavailable'}
              onClick={() => void act('bench.start', {})}
            >
              Start
            </button>
          )}
        </Allowed>
      </h2>
      {simulator.reason && <p className="quiet">{simulator.reason}</p>}
      {isRunning && (
        <table className="table fixed">
          <thead>
            <tr>
              <th>Instrument</th>
              <th>Address</th>
              <th>Fault</th>
            </tr>
          </thead>
          <tbody>
            {simulator.instruments.map((item) => (
              <tr key={item.name}>
                <td>{item.name}</td>
                <td className="num selectable cut" title={item.resources.join('\n')}>
                  {item.resources[0]}
                  {item.resources.length > 1 && <span className="quiet"> +{item.resources.length - 1}</span>}
                </td>
                <td>
                  <Allowed right="manage">
                    <FaultKnob name={item.name} />
                  </Allowed>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function FaultKnob({ name }: { name: string }): ReactElement {
  const [kind, setKind] = useState<Fault['kind']>(null);
  const set = async (next: Fault['kind']): Promise<void> => {
    const fault = { kind: next, probability: 1, count: null, delayMs: next === 'delay' ? DELAY_MS : 0 };
    if (!(await act('bench.setFault', { name, fault }))) return;
    setKind(next);
    toast({
      severity: 'info',
      text: next ? `${name} now ${FAULTS.find((item) => item.kind === next)?.word}.` : `${name} behaves again.`,
    });
  };
  return (
    <select
      className="choice"
      aria-label={`Fault of ${name}`}
      value={kind ?? ''}
      onChange={(event) => void set((event.target.value || null) as Fault['kind'])}
    >
      <option value="">none</option>
      {FAULTS.map((item) => (
        <option key={item.kind} value={item.kind}>
          {item.word}
        </option>
      ))}
    </select>
  );
}
