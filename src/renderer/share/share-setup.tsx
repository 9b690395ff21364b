import type { ReactElement } from 'react';
import type { ShareSettings, ShareState } from '../../contract/share-schema.ts';
import { Problem } from '../control/problem.tsx';
import { PlainSwitch } from '../control/switch.tsx';
import { readLogin } from '../remote-login.ts';
import { useAttempt } from '../servers/attempt.ts';
import { Row } from '../settings/setting-row.tsx';
import { TextSetting } from '../settings/text-setting.tsx';
import { plural } from '../text-format.ts';
import { LablinkRows } from './lablink-rows.tsx';
import { LimitRows } from './limit-rows.tsx';
import { ListenerRow } from './listener-row.tsx';
import { changeShare } from './share-change.ts';
import { isLoopback, reachText, readHost, readOrigins, readPort } from './share-draft.ts';
import { TlsForm } from './tls-form.tsx';

/** Where and how the bench is shared; each is sent when it is changed, and the hub follows. */
export function ShareSetup(props: { settings: ShareSettings; share: ShareState; isLocked: boolean }): ReactElement {
  const { settings, share, isLocked } = props;
  const { problem, attempt } = useAttempt();
  const change = (how: (share: ShareSettings) => Partial<ShareSettings>): void => void attempt(() => changeShare(how));
  const set = (fields: Partial<ShareSettings>): void => change(() => fields);
  const reach = reachText(settings);
  const isLocal = isLoopback(settings.host);
  const isRemote = readLogin() !== undefined;
  return (
    <fieldset className="share-setup" disabled={isLocked} aria-label="Where">
      {problem && <Problem error={problem} />}
      {share.connections.length > 0 && (
        <p className="quiet">
          A change opens the ports anew, which ends {plural(share.connections.length, 'connection')} for a moment;
          clients come again by themselves.
          {isRemote && ' This page is one of them: a wrong address or port cuts it off.'}
        </p>
      )}
      <Row title="Address" hint={reach.text}>
        <TextSetting label="Address" value={settings.host} read={readHost} onSet={(host) => set({ host })} />
        {reach.isMissing && <span className="lamp warn">needs TLS</span>}
      </Row>
      <Row title="Port" hint="Labwire, LabLink, power meter and NeuroGraph, all on this one.">
        <TextSetting
          label="Port"
          value={String(settings.port)}
          read={(text) => readPort(text, settings, 'main')}
          onSet={(port) => set({ port })}
        />
      </Row>
      <Row title="Name" hint="How the bench calls itself to its clients; empty: its own name.">
        <TextSetting
          label="Name of the shared bench"
          value={settings.name}
          read={(text) => ({ ok: true, value: text.trim().slice(0, 200) })}
          onSet={(name) => set({ name })}
        />
      </Row>
      <Row title="Certificate" hint="PEM files on the machine where the engine runs; both empty: no TLS.">
        <TlsForm tls={settings.tls} onSet={(tls) => set({ tls })} />
      </Row>
      <Row
        title="Clients without a login may look"
        hint={
          isLocal
            ? 'Programs of this machine, without user and token. They change nothing.'
            : `Only where this machine alone reaches it. ${settings.host} is reached by others, so everybody logs in.`
        }
      >
        <PlainSwitch
          label="Clients without a login may look"
          checked={settings.anonymous && isLocal}
          disabled={!isLocal || isLocked}
          onChange={(anonymous) => set({ anonymous })}
        />
      </Row>
      <Row
        title="…and read values"
        hint="Without this they see which instruments there are and nothing measured; the clients of the power meter, which know no login, need it."
      >
        <PlainSwitch
          label="Clients without a login may read values"
          checked={settings.anonymousReadings && settings.anonymous && isLocal}
          disabled={!isLocal || !settings.anonymous || isLocked}
          onChange={(anonymousReadings) => set({ anonymousReadings })}
        />
      </Row>
      <Row
        title="Pages of other web servers"
        hint="A page in a browser may use this bench only if this bench served it. Name here the servers whose pages may, too: https://lab.example, several with commas between. The people in front of them need a login as before."
      >
        <TextSetting
          label="Pages of other web servers"
          value={settings.origins.join(', ')}
          read={readOrigins}
          onSet={(origins) => set({ origins })}
        />
      </Row>
      <ListenerRow settings={settings} onChange={(how) => change((share) => ({ listeners: how(share) }))} />
      <details className="server-more">
        <summary>More</summary>
        <LimitRows
          limits={settings.limits}
          onSet={(some) => change(({ limits }) => ({ limits: { ...limits, ...some } }))}
        />
      </details>
      <details className="server-more">
        <summary>Clients of LabLink</summary>
        <p className="quiet">What the environment of the hub says (LABWIRE_WS_…, LABLINK_WS_…) goes before these.</p>
        <LablinkRows
          lablink={settings.lablink}
          onSet={(some) => change(({ lablink }) => ({ lablink: { ...lablink, ...some } }))}
        />
      </details>
    </fieldset>
  );
}
