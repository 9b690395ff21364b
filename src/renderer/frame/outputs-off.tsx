import { type ReactElement, useEffect, useState } from 'react';
import { act } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
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
      title="Turn every output off (Ctrl+Shift+Backspace)"
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

/** Outputs that did not confirm stay named until a press that does. */
export function OutputsOffStrip(): ReactElement | null {
  const result = useStore(benchStore, (bench) => bench?.outputsOff);
  const instruments = useStore(benchStore, (bench) => bench?.instruments);
  const failed = result?.results.filter((row) => !row.confirmed) ?? [];
  if (!result || failed.length === 0) return null;
  const nameOf = (id: string): string => instruments?.find((item) => item.id === id)?.label ?? id;
  return (
    <div className="strip-line bad" role="alert" data-testid="outputs-unconfirmed">
      <Icon name="warning" />
      <p>
        <b>{plural(failed.length, 'output')} did not confirm to be off</b> at {formatClock(msOf(result.t), false)}:{' '}
        {unconfirmedText(failed, nameOf)} Treat them as on, and switch them off at the instrument.
      </p>
      <button type="button" className="btn small danger" onClick={() => void outputsOff()}>
        Try again
      </button>
    </div>
  );
}

/** One clause an instrument and reason: `DP832 CH1, CH2 (no answer).` */
export function unconfirmedText(
  failed: readonly { instrument: string; group: string; reason?: string | undefined }[],
  nameOf: (instrument: string) => string,
): string {
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
