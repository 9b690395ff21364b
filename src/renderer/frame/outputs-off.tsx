import { type ReactElement, useEffect, useState } from 'react';
import { act } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { VIEW_ONLY } from '../lacks-right.ts';
import { useMay } from '../may.ts';
import { useStore } from '../store.ts';
import { formatClock, msOf, plural } from '../text-format.ts';

const CONFIRMED_SHOWN_MS = 6000;

/** Turns every output of every instrument off. Never asks first. */
export function outputsOff(): Promise<unknown> {
  return act('outputs.off', {});
}

/** Always there. Green words for a moment when all confirmed; solid red until a press that confirms, if one did not. */
export function OutputsOffButton(): ReactElement {
  const result = useStore(benchStore, (bench) => bench?.outputsOff);
  const mayControl = useMay('control');
  const [busy, setBusy] = useState(false);
  const [, tick] = useState(0);
  const failed = result?.results.filter((row) => !row.confirmed).length ?? 0;
  const age = result ? Date.now() - msOf(result.t) : Number.POSITIVE_INFINITY;
  const isFresh = age < CONFIRMED_SHOWN_MS;
  useEffect(() => {
    if (!isFresh) return;
    const timer = setTimeout(() => tick((count) => count + 1), CONFIRMED_SHOWN_MS - age + 50);
    return () => clearTimeout(timer);
  }, [isFresh, age]);
  const shown = failed > 0 ? 'unconfirmed' : isFresh ? 'confirmed' : 'none';
  const press = async (): Promise<void> => {
    setBusy(true);
    await outputsOff();
    setBusy(false);
  };
  return (
    <button
      type="button"
      className="outputs-off"
      data-result={shown}
      data-testid="outputs-off"
      aria-label="Outputs off"
      aria-busy={busy}
      disabled={!mayControl}
      title={mayControl ? 'Turn every output off (Ctrl+Shift+Backspace)' : VIEW_ONLY}
      onClick={() => void press()}
    >
      <Icon name="power" />
      <span className="outputs-off-word">
        {busy
          ? 'Turning off…'
          : shown === 'confirmed'
            ? 'All off'
            : shown === 'unconfirmed'
              ? 'Not confirmed'
              : 'Outputs off'}
      </span>
    </button>
  );
}

/** A person has seen to what did not confirm: it is shown no more. */
function release(): Promise<unknown> {
  return act('outputs.release', {});
}

/** Outputs that did not confirm stay named until a press that does, or until a person says to have switched them off. */
export function OutputsOffStrip(): ReactElement | null {
  const result = useStore(benchStore, (bench) => bench?.outputsOff);
  const instruments = useStore(benchStore, (bench) => bench?.instruments);
  const failed = result?.results.filter((row) => !row.confirmed) ?? [];
  if (!result || failed.length === 0) return null;
  const nameOf = (id: string): string => instruments?.find((item) => item.id === id)?.label ?? id;
  return <UnconfirmedLine failed={failed} at={result.t} nameOf={nameOf} />;
}

interface UnconfirmedOutput {
  instrument: string;
  group: string;
  reason?: string | undefined;
}

interface UnconfirmedLineProps {
  failed: readonly UnconfirmedOutput[];
  /** When, ns since 1970 as a decimal text. */
  at: string;
  nameOf: (instrument: string) => string;
}

/** What did not confirm, to try again or to say that it was seen to. */
export function UnconfirmedLine({ failed, at, nameOf }: UnconfirmedLineProps): ReactElement {
  return (
    <div className="strip-line bad" role="alert" data-testid="outputs-unconfirmed">
      <Icon name="warning" />
      <p>
        <b>{plural(failed.length, 'output')} did not confirm to be off</b> at {formatClock(msOf(at), false)}:{' '}
        {unconfirmedText(failed, nameOf)} Treat them as on, and switch them off at the instrument.
      </p>
      <button type="button" className="btn small danger" onClick={() => void outputsOff()}>
        Try again
      </button>
      <button
        type="button"
        className="btn small"
        title="Labwire stops showing them as on. It sends nothing; who said so is kept among the events."
        onClick={() => void release()}
      >
        I have switched them off by hand
      </button>
    </div>
  );
}

/** One clause an instrument and reason: `DP832 CH1, CH2 (no answer).` */
export function unconfirmedText(failed: readonly UnconfirmedOutput[], nameOf: (instrument: string) => string): string {
  const byReason = new Map<string, { name: string; reason: string; groups: string[] }>();
  for (const { instrument, group, reason = '' } of failed) {
    const key = `${instrument}\n${reason}`;
    const clause = byReason.get(key) ?? { name: nameOf(instrument), reason: reason.replace(/\.$/, ''), groups: [] };
    clause.groups.push(group.toUpperCase());
    byReason.set(key, clause);
  }
  const clauses = [...byReason.values()].map(
    ({ name, reason, groups }) =>
      `${name} ${groups.filter(Boolean).join(', ')}`.trim() + (reason ? ` (${reason})` : ''),
  );
  return `${clauses.join('; ')}.`;
}
