import type { KeyboardEvent, ReactElement } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { linkLabel } from '../../core/link-word.ts';
import { serverBadge } from './server-words.ts';

/** One tab for each server, in the tone of its link; the arrow keys go from one to the next. */
export function ServerTabs(props: {
  servers: readonly ServerState[];
  shown: string;
  onChoose: (server: string) => void;
}): ReactElement {
  const { servers, shown, onChoose } = props;
  const go = (event: KeyboardEvent<HTMLDivElement>): void => {
    const at = servers.findIndex(({ id }) => id === shown);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: servers.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const index = (next + servers.length) % servers.length;
    const server = servers[index];
    if (server) onChoose(server.id);
    event.currentTarget.querySelectorAll<HTMLElement>('[role="tab"]')[index]?.focus();
  };
  return (
    <div className="server-tabs" role="tablist" aria-label="Lab servers" onKeyDown={go}>
      {servers.map((one) => (
        <button
          key={one.id}
          type="button"
          role="tab"
          className="badge"
          data-tone={serverBadge(one, Date.now()).tone}
          aria-selected={one.id === shown}
          tabIndex={one.id === shown ? 0 : -1}
          title={`${one.label} at ${one.url}: ${linkLabel(one.link)}`}
          onClick={() => onChoose(one.id)}
        >
          <i />
          <span className="cut">{one.label}</span>
        </button>
      ))}
    </div>
  );
}
