import { type ReactElement, useRef } from 'react';
import type { ShareProfile, ShareSettings } from '../../contract/share-schema.ts';
import { Row } from '../settings/setting-row.tsx';
import { TextSetting } from '../settings/text-setting.tsx';
import { freePort, readPort } from './share-draft.ts';
import { PROFILE_WORDS } from './share-words.ts';

type Listeners = ShareSettings['listeners'];

const MAX_LISTENERS = 8;
const PROFILES = Object.keys(PROFILE_WORDS) as ShareProfile[];

/** Further ports, each with one protocol alone. */
export function ListenerRow(props: {
  settings: ShareSettings;
  onChange: (how: (share: ShareSettings) => Listeners) => void;
}): ReactElement {
  const { settings, onChange } = props;
  const { listeners } = settings;
  const add = useRef<HTMLButtonElement>(null);
  const put = (own: number, change: Partial<Listeners[number]>): void =>
    onChange((share) => share.listeners.map((one) => (one.port === own ? { ...one, ...change } : one)));
  return (
    <Row title="Further ports" hint="Each speaks one protocol alone, for clients that know only that one.">
      <div className="share-listeners">
        {listeners.map((one, index) => (
          <div key={one.port}>
            <TextSetting
              label={`Port of listener ${index + 1}`}
              value={String(one.port)}
              read={(text) => readPort(text, settings, index)}
              onSet={(port) => put(one.port, { port })}
            />
            <select
              className="input"
              aria-label={`Protocol of listener ${index + 1}`}
              value={one.profile}
              onChange={(event) => put(one.port, { profile: event.target.value as ShareProfile })}
            >
              {PROFILES.map((profile) => (
                <option key={profile} value={profile}>
                  {PROFILE_WORDS[profile]}
                </option>
              ))}
            </select>
            <button
              type="button"
              className="btn"
              aria-label={`Remove port ${one.port}`}
              onClick={() => {
                // Its button goes with it: the focus stays here.
                add.current?.focus();
                onChange((share) => share.listeners.filter(({ port }) => port !== one.port));
              }}
            >
              Remove
            </button>
          </div>
        ))}
        <button
          ref={add}
          type="button"
          className="btn"
          disabled={listeners.length >= MAX_LISTENERS}
          title={listeners.length >= MAX_LISTENERS ? `${MAX_LISTENERS} at most` : undefined}
          onClick={() => onChange((share) => [...share.listeners, { port: freePort(share), profile: 'lablink' }])}
        >
          Add a port
        </button>
      </div>
    </Row>
  );
}
