import type { KeyboardEvent, ReactElement } from 'react';

const TABS = ['setup', 'users', 'connections'] as const;
export type ShareTab = (typeof TABS)[number];

/** Where, with whom, who is there; the arrow keys go from one to the next. */
export function ShareTabs(props: {
  shown: ShareTab;
  users: number;
  connections: number;
  /** Counts are known only while a hub runs. */
  isOn: boolean;
  onChoose: (tab: ShareTab) => void;
}): ReactElement {
  const { shown, users, connections, isOn, onChoose } = props;
  const words: Record<ShareTab, string> = {
    setup: 'Where',
    users: isOn ? `Users ${users}` : 'Users',
    connections: isOn ? `Connected ${connections}` : 'Connected',
  };
  const go = (event: KeyboardEvent<HTMLDivElement>): void => {
    const at = TABS.indexOf(shown);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const index = (next + TABS.length) % TABS.length;
    const tab = TABS[index];
    if (tab) onChoose(tab);
    event.currentTarget.querySelectorAll<HTMLElement>('[role="tab"]')[index]?.focus();
  };
  return (
    <div className="seg share-tabs" role="tablist" aria-label="Sharing" onKeyDown={go}>
      {TABS.map((tab) => (
        <button
          key={tab}
          type="button"
          role="tab"
          id={`share-tab-${tab}`}
          aria-controls={`share-${tab}`}
          aria-selected={tab === shown}
          tabIndex={tab === shown ? 0 : -1}
          onClick={() => onChoose(tab)}
        >
          {words[tab]}
        </button>
      ))}
    </div>
  );
}
