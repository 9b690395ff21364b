import type { ReactElement } from 'react';
import type { Settings } from '../../contract/bench-schema.ts';
import { parseQuantity } from '../../core/units-parse.ts';
import { act, showError } from '../actions.ts';
import { Allowed } from '../control/allowed.tsx';
import { PlainSwitch } from '../control/switch.tsx';
import { benchStore, linkStore } from '../engine-link.ts';
import { showDialog } from '../screen-store.ts';
import { ShareRow } from '../share/share-row.tsx';
import { shell } from '../shell.ts';
import { useStore } from '../store.ts';
import { Row } from './setting-row.tsx';
import { type Read, SizeSetting, TextSetting } from './text-setting.tsx';
import { UploadSettings } from './upload-settings.tsx';

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
          <Allowed right="manage">
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
            <Row
              title="Keep free on the disk"
              hint="When less is free, recording goes on in the second folder, or waits for space, and says so."
            >
              <SizeSetting
                label="Keep free on the disk"
                bytes={settings.diskReserveBytes}
                leastBytes={0}
                onSet={(diskReserveBytes) => set({ diskReserveBytes })}
              />
            </Row>
            <Row title="Second folder" hint="Recording goes on there when the first cannot be written; empty for none.">
              <TextSetting
                label="Second folder"
                value={settings.fallbackFolder}
                read={(text) => ({ ok: true, value: text.trim() })}
                onSet={(fallbackFolder) => set({ fallbackFolder })}
                isWide
              />
            </Row>
            <Row title="Compression" hint="Smaller files, at the cost of processor time.">
              <fieldset className="seg" aria-label="Compression">
                {(['none', 'lz4', 'zstd'] as const).map((word) => (
                  <button
                    key={word}
                    type="button"
                    aria-pressed={settings.recordingCompression === word}
                    onClick={() => set({ recordingCompression: word })}
                  >
                    {word}
                  </button>
                ))}
              </fieldset>
            </Row>
            <Row
              title="For other viewers too"
              hint="Every row also as a plain JSON message, which any MCAP viewer plots."
            >
              <PlainSwitch
                label="For other viewers too"
                checked={settings.plainMessages}
                onChange={(plainMessages) => set({ plainMessages })}
              />
            </Row>
            <Row title="Operator" hint="Written into recordings.">
              <TextSetting
                label="Operator"
                value={settings.operator}
                read={(text) => ({ ok: true, value: text.trim().slice(0, 200) })}
                onSet={(operator) => set({ operator })}
              />
            </Row>
            <Row title="Flight recorder" hint="Keeps everything for a while, though nobody pressed record.">
              <PlainSwitch label="Flight recorder" checked={settings.flight} onChange={(flight) => set({ flight })} />
              <SizeSetting
                label="Size of the flight recorder"
                bytes={settings.flightBytes}
                leastBytes={64e6}
                onSet={(flightBytes) => set({ flightBytes })}
              />
            </Row>
            <Row title="Flight recorder, hours" hint="Older than this is let go; 0: only the size counts.">
              <TextSetting
                label="Hours of the flight recorder"
                value={String(settings.flightHours)}
                unit="h"
                read={(text) => readNumber(text, 0, 10_000, 'h')}
                onSet={(flightHours) => set({ flightHours })}
              />
            </Row>
            <Row title="Thin out after days" hint="Older recordings keep mean, min and max of each interval; 0: never.">
              <TextSetting
                label="Thin out after days"
                value={String(settings.thinAfterDays)}
                unit="d"
                read={(text) => readNumber(text, 0, 36_500, 'd')}
                onSet={(thinAfterDays) => set({ thinAfterDays })}
              />
              <TextSetting
                label="Interval of thinning"
                value={String(settings.thinIntervalS)}
                unit="s"
                read={(text) => readNumber(text, 0.001, 86_400, 's')}
                onSet={(thinIntervalS) => set({ thinIntervalS })}
              />
            </Row>
            <UploadSettings />
            <Row title="Computed channels" hint="Power, slope, charge: from what is measured.">
              <button type="button" className="btn" onClick={() => showDialog({ kind: 'math' })}>
                Computed channels…
              </button>
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
          </Allowed>

          <h2>Sharing</h2>
          <ShareRow />

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

function readNumber(text: string, least: number, most: number, unit: string): Read<number> {
  const parsed = parseQuantity(text, '');
  if (!parsed.ok) return parsed;
  if (parsed.value < least || parsed.value > most) return { ok: false, reason: `${least} … ${most} ${unit}.` };
  return parsed;
}
