import type { ReactElement } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { linkLabel } from '../../core/link-word.ts';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { useSeconds } from '../frame/link-badge.tsx';
import { showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { howMany, serverBadge, worstServer } from './server-words.ts';

const NONE: readonly ServerState[] = [];

/** How the lab servers of the bench are, in one badge: the one that is worst off speaks. A click shows all. */
export function ServerBadge(): ReactElement | null {
  const servers = useStore(benchStore, (bench) => bench?.servers ?? NONE);
  const nowMs = Date.now();
  const shown = worstServer(servers, nowMs);
  const badge = shown ? serverBadge(shown, nowMs) : undefined;
  useSeconds(badge?.counts === true);
  if (!shown || !badge) return null;
  const many = howMany(servers, badge.tone, nowMs);
  return (
    <button
      type="button"
      className="badge"
      data-tone={badge.tone}
      data-testid="server-badge"
      aria-label={`Lab server ${shown.label}: ${linkLabel(shown.link)}, ${badge.text}`}
      title={[`Lab server ${shown.label}: ${linkLabel(shown.link)}`, shown.link.reason].filter(Boolean).join('\n')}
      onClick={() => showDialog({ kind: 'servers', server: shown.id })}
    >
      <Icon name="server" />
      <span className="cut">{badge.text}</span>
      {many && <span className="server-many">{many}</span>}
    </button>
  );
}
