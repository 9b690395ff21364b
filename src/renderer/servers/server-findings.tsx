import type { ReactElement } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { FINDING_WORDS, findingsText } from './server-words.ts';

/** What works at a server, what is broken, and what Labwire does about it: a line, and all of it on a click. */
export function ServerFindings({ server }: { server: ServerState }): ReactElement | null {
  const { findings } = server;
  const features = Object.entries(server.features).filter(([, value]) => value !== false);
  if (findings.length === 0 && features.length === 0) return null;
  return (
    <details className="server-more">
      <summary>
        <h3>What it can do</h3> <span className="quiet">{findingsText(findings)}</span>
      </summary>
      <ul className="server-findings">
        {findings.map(({ feature, state, text }) => (
          <li key={feature} data-state={state}>
            <b>{feature}</b> <span className="kind">{FINDING_WORDS[state]}</span>
            <p className="quiet">{text}</p>
          </li>
        ))}
        {findings.length === 0 &&
          features.map(([name, value]) => (
            <li key={name} data-state="works">
              <b>{name}</b> <span className="quiet">{Array.isArray(value) ? value.join(', ') : ''}</span>
            </li>
          ))}
      </ul>
    </details>
  );
}
