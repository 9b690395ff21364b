import type { ReactElement, ReactNode } from 'react';
import type { Settings } from '../../contract/bench-schema.ts';
import { parseQuantity } from '../../core/units-parse.ts';
import { act, showError } from '../actions.ts';
import { PlainSwitch } from '../control/switch.tsx';
import { benchStore, linkStore } from '../engine-link.ts';
import { shell } from '../shell.ts';
import { useStore } from '../store.ts';
import { type Read, SizeSetting, TextSetting } from './text-setting.tsx';

const THEMES: { value: Settings['theme']; word: string }[] = [
  { value: 'system', word: 'As the system' },
  { value: 'dark', word: 'Dark' },
  { value: 'light', word: 'Light' },
  { value: 'contrast', word: 'High contrast' },
];

function set(change: Partial<Settings>): void {
  void act('settings.set', change);
}

/** Settings of the program; each is sent when it is changed. */
export function SettingsScreen(): ReactElement {
  const settings = useStore(benchStore, (bench) => bench?.settings) as Settings;
  const engine = useStore(linkStore, (link) => link.engine);
  const choose = async (): Promise<void> => {
    const folder = await shell?.chooseFile({ kind: 'folder', title: 'Folder of the recordings' });
    if (folder) set({ recordingsFolder: folder });
  };
  return (
    <section className="view" aria-label="Settings">
      <div className="view-bar">
        <h1>Settings</h1>
      </div>
      <div className="view-body">
        <div className="settings">
          <h2>Look</h2>
          <Row title="Theme">
            <fieldset className="seg" aria-label="Theme">
              {THEMES.map(({ value, word }) => (
                <button
                  key={value}
                  type="button"
                  aria-pressed={settings.theme === value}
                  onClick={() => set({ theme: value })}
                >
                  {word}
                </button>
              ))}
            </fieldset>
          </Row>
          <Row title="Motion" hint="Reduced: nothing slides or fades.">
            <fieldset className="seg" aria-label="Motion">
              <button
                type="button"
                aria-pressed={settings.motion === 'system'}
                onClick={() => set({ motion: 'system' })}
              >
                As the system
              </button>
              <button
                type="button"
                aria-pressed={settings.motion === 'reduced'}
                onClick={() => set({ motion: 'reduced' })}
              >
                Reduced
              </button>
            </fieldset>
          </Row>

          <h2>Recording</h2>
          <Row title="Folder" hint="On the machine where the engine runs.">
            <TextSetting
              label="Folder of the recordings"
              value={settings.recordingsFolder}
              read={(text) =>
                text.trim() ? { ok: true, value: text.trim() } : { ok: false, reason: 'Type a folder.' }
              }
              onSet={(recordingsFolder) => set({ recordingsFolder })}
              isWide
            />
            {shell && (
              <button type="button" className="btn" onClick={() => void choose().catch(showError)}>
                Choose…
              </button>
            )}
          </Row>
          <Row title="Part size" hint="A recording goes on in a new file from there.">
            <SizeSetting
              label="Part size"
              bytes={settings.partBytes}
              leastBytes={1e6}
              onSet={(partBytes) => set({ partBytes })}
            />
          </Row>
          <Row title="Keep free on the disk" hint="Recording stops, and says so, when less is free.">
            <SizeSetting
              label="Keep free on the disk"
              bytes={settings.diskReserveBytes}
              leastBytes={0}
              onSet={(diskReserveBytes) => set({ diskReserveBytes })}
            />
          </Row>
          <Row title="History in memory" hint="How much of what was not recorded can be looked back at.">
            <SizeSetting
              label="History in memory"
              bytes={settings.historyBytes}
              leastBytes={1e6}
              onSet={(historyBytes) => set({ historyBytes })}
            />
          </Row>

          <h2>Instruments</h2>
          <Row title="Timeout" hint="How long an answer may take before the query is given up.">
            <TextSetting
              label="Timeout in ms"
              value={String(settings.timeoutMs)}
              unit="ms"
              read={(text) => readNumber(text, 50, 600_000, 'ms')}
              onSet={(timeoutMs) => set({ timeoutMs })}
            />
          </Row>
          <Row
            title="Return to local on detach"
            hint="So that its front panel works again. Outputs stay as they are either way."
          >
            <PlainSwitch
              label="Return to local on detach"
              checked={settings.localOnDetach}
              onChange={(localOnDetach) => set({ localOnDetach })}
            />
          </Row>
          <Row
            title="Start the simulated bench with Labwire"
            hint="Simulated instruments on one circuit, behind real sockets and serial lines."
          >
            <PlainSwitch
              label="Start the simulated bench with Labwire"
              checked={settings.startSimulator}
              onChange={(startSimulator) => set({ startSimulator })}
            />
          </Row>

          <h2>About</h2>
          <Row title="Labwire">
            <span className="num selectable">
              {engine
                ? `${engine.version} · contract ${engine.contract} · ${engine.host === 'electron' ? 'desktop' : 'Node'} engine`
                : '–'}
            </span>
          </Row>
          <Row title="Data folder">
            <span className="num selectable cut">{engine?.dataFolder}</span>
            {shell && engine && (
              <button
                type="button"
                className="btn"
                onClick={() => void shell?.openFolder(engine.dataFolder).catch(showError)}
              >
                Open
              </button>
            )}
          </Row>
        </div>
      </div>
    </section>
  );
}

function Row(props: { title: string; hint?: string; children: ReactNode }): ReactElement {
  return (
    <div className="setting">
      <div>
        <b>{props.title}</b>
        {props.hint && <small className="quiet">{props.hint}</small>}
      </div>
      <div className="setting-control">{props.children}</div>
    </div>
  );
}

function readNumber(text: string, least: number, most: number, unit: string): Read<number> {
  const parsed = parseQuantity(text, '');
  if (!parsed.ok) return parsed;
  if (parsed.value < least || parsed.value > most) return { ok: false, reason: `${least} … ${most} ${unit}.` };
  return parsed;
}
