import type { ReactElement } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { Severity } from '../../contract/value-schema.ts';
import { activeAlarms, worst } from '../alarms/alarm-order.ts';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { shortcutText } from '../key-words.ts';
import { SCREENS, type ScreenName, screenStore, showScreen } from '../screen-store.ts';
import { useStore } from '../store.ts';

const TITLES: Record<ScreenName, string> = {
  bench: 'Bench',
  plot: 'Plot',
  recordings: 'Recordings',
  alarms: 'Alarms',
  console: 'Console',
  diagnostics: 'Diagnostics',
  settings: 'Settings',
};

/** The screens, one click or Ctrl/Cmd+1…7 away; alarms show their number and worst severity. */
export function Rail(): ReactElement {
  const current = useStore(screenStore, (state) => state.screen);
  return (
    <nav className="rail" aria-label="Screens">
      {SCREENS.map((name, index) => (
        <RailButton key={name} name={name} shortcut={index + 1} isCurrent={name === current} />
      ))}
    </nav>
  );
}

function RailButton(props: { name: ScreenName; shortcut: number; isCurrent: boolean }): ReactElement {
  const { name, shortcut, isCurrent } = props;
  const badge = useStore(benchStore, (bench) => (name === 'alarms' && bench ? alarmBadge(bench) : ''));
  const [count, severity] = badge.split(' ');
  return (
    <>
      {name === 'settings' && <span className="grow" />}
      <button
        type="button"
        aria-current={isCurrent ? 'page' : undefined}
        title={`${TITLES[name]} (${shortcutText(String(shortcut))})`}
        onClick={() => showScreen(name)}
      >
        <Icon name={name} />
        {TITLES[name]}
        {count && (
          <b data-severity={severity}>
            {count}
            <span className="sr-only"> active, worst: {severity}</span>
          </b>
        )}
      </button>
    </>
  );
}

/** As text, so that the rail renders only when it changes. */
function alarmBadge(bench: BenchState): string {
  const active = activeAlarms(bench).filter((row) => row.state.shelvedUntilNs === null);
  const severity: Severity | undefined = worst(active.map((row) => row.rule.severity));
  return severity ? `${active.length} ${severity}` : '';
}
