import { join } from 'node:path';
import type { BrowserWindow } from 'electron';
import { app, dialog, globalShortcut, powerMonitor } from 'electron';
import type { FromEngine } from '../contract/host-messages.ts';
import type { KeptProcess } from '../core/kept-process.ts';
import { serveBundle } from './app-protocol.ts';
import { EngineDuties } from './engine-duties.ts';
import { EngineProcess, type Reply } from './engine-process.ts';
import { createHubProcess } from './hub-process.ts';
import { openLabWindow } from './lab-window.ts';
import { setMenu } from './menu.ts';
import { SecretFile } from './secret-file.ts';
import { serveShellCalls } from './shell-calls.ts';
import { SimulatorProcess } from './simulator-process.ts';

const CLOSE_LIMIT_MS = 8_000;
/** Outputs off from any program; the page has the same keys of its own, for where the system refuses this. */
const OUTPUTS_OFF_KEYS = 'CommandOrControl+Shift+Backspace';

/** The desktop app once Electron is ready: one engine, its simulated bench, one window. */
export class Desktop {
  readonly #out: string;
  readonly #dataFolder: string;
  readonly #engine: EngineProcess;
  readonly #simulator: SimulatorProcess;
  readonly #hub: KeptProcess;
  readonly #duties: EngineDuties;
  #window: BrowserWindow | undefined;
  #closed: Promise<void> | undefined;

  /** `out`: the folder of the built files (main, preload, renderer). */
  constructor(out: string, dataFolder: string) {
    this.#out = out;
    this.#dataFolder = dataFolder;
    this.#engine = new EngineProcess({
      entry: join(out, 'main', 'engine-entry.js'),
      args: ['--data', dataFolder, '--version', app.getVersion()],
      listener: {
        message: (message, reply) => this.#take(message, reply),
        died: (code, retryMs) => this.#engineDied(code, retryMs),
      },
    });
    this.#simulator = new SimulatorProcess(join(out, 'main', 'simulator.js'), (reason) =>
      this.#engine.send({ kind: 'simulatorEnded', reason }),
    );
    this.#hub = createHubProcess(join(out, 'main', 'hub.js'), dataFolder, (end) =>
      this.#engine.send({ kind: 'hubEnded', ...end }),
    );
    this.#duties = new EngineDuties({
      simulator: this.#simulator,
      hub: this.#hub,
      secrets: new SecretFile(dataFolder),
      visaEntry: join(out, 'main', 'vendor-visa.js'),
      onNoticeOpened: () => this.showWindow(),
    });
  }

  /** After the app is ready. */
  start(): void {
    serveBundle(join(this.#out, 'renderer'));
    serveShellCalls((page) => this.#engine.connect(page));
    setMenu({ dataFolder: this.#dataFolder, restartEngine: () => this.#engine.start() });
    this.#watchSleep();
    this.#watchOutputsOff();
    this.#engine.start();
    this.showWindow();
    app.on('activate', () => this.showWindow());
    app.on('window-all-closed', () => {
      if (process.platform !== 'darwin') app.quit();
    });
    app.on('before-quit', (event) => this.#beforeQuit(event));
  }

  /** Brings the window to the front, opening it if it was closed. */
  showWindow(): void {
    if (!this.#window || this.#window.isDestroyed()) {
      this.#window = openLabWindow(
        join(this.#out, 'preload', 'index.cjs'),
        join(app.getPath('userData'), 'window.json'),
      );
      return;
    }
    if (this.#window.isMinimized()) this.#window.restore();
    this.#window.show();
    this.#window.focus();
  }

  #watchSleep(): void {
    let sinceMs: number | undefined;
    powerMonitor.on('suspend', () => {
      sinceMs = Date.now();
    });
    powerMonitor.on('resume', () => {
      this.#engine.send({ kind: 'wake', ...(sinceMs === undefined ? {} : { sleptMs: Date.now() - sinceMs }) });
      sinceMs = undefined;
    });
  }

  /** A hand reaches for the keys whatever program is in front. */
  #watchOutputsOff(): void {
    const isOurs = globalShortcut.register(OUTPUTS_OFF_KEYS, () => {
      this.#engine.send({ kind: 'outputsOff' });
      this.showWindow();
    });
    if (!isOurs)
      console.error(
        `labwire: another program has ${OUTPUTS_OFF_KEYS}; Outputs off by these keys works only while Labwire is in front.`,
      );
    app.on('will-quit', () => globalShortcut.unregisterAll());
  }

  #take(message: FromEngine, reply: Reply): void {
    if (message.kind === 'failed') {
      dialog.showErrorBox('Labwire cannot start its engine', `${message.error.message}\n\n(${message.error.code})`);
      app.quit();
    } else this.#duties.take(message, reply);
  }

  #engineDied(code: number, retryMs: number | null): void {
    // What it held is gone with it; the next engine asks again if it records on.
    this.#duties.blockSleep(false);
    console.error(
      retryMs === null
        ? `labwire: the engine ended again (code ${code}) and is not restarted; use Help, Restart engine.`
        : `labwire: the engine ended (code ${code}); it is restarted, and open recordings are finished by the next one.`,
    );
  }

  /** Holds the quit back until recordings are flushed, but not for ever. */
  #beforeQuit(event: { preventDefault(): void }): void {
    if (this.#closed) return;
    event.preventDefault();
    this.#closed = this.#close().finally(() => app.exit(0));
  }

  async #close(): Promise<void> {
    // At the same time: clients that are slow to leave must not cost the recording its end.
    await Promise.all([this.#hub.stop(), this.#engine.close(CLOSE_LIMIT_MS)]);
    await this.#simulator.stop();
  }
}
