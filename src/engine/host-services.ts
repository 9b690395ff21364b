import type { SimulatedInstrument } from '../contract/host-messages.ts';
import type { SecretStore } from './secret-store.ts';

export interface SimulatorFault {
  kind: 'delay' | 'drop' | 'split' | 'garbage' | 'wrong-order' | 'hang' | 'disconnect' | null;
  probability: number;
  count: number | null;
  delayMs: number;
}

/** The simulated bench runs as a child process of the host, never of the engine: it ends with the host, not with an engine crash. */
export interface SimulatorProcess extends AsyncDisposable {
  readonly instruments: SimulatedInstrument[];
  setFault(name: string, fault: SimulatorFault): Promise<void>;
  /** Resolves with the reason when it ends. */
  readonly closed: Promise<string>;
}

/** How the hub's process ended, unasked. */
export interface HubEnd {
  reason: string;
  /** It is started again after that; null: it ended too often, or cannot be started. */
  retryMs: number | null;
}

/** The process that shares the bench: a child of the host, started again by it when it dies. Disposing ends it in order. */
export interface HubProcess extends AsyncDisposable {
  /** Told of each end nobody asked for. */
  onEnd(listener: (end: HubEnd) => void): Disposable;
}

/**
 * What the engine asks of its host, injected. Electron: the main process. Node: what exists, else a reason.
 * None of these may throw for lack of ability; a missing one is said in `unavailable`.
 */
export interface HostServices {
  readonly host: 'electron' | 'node';
  /** Abilities this host lacks, with the reason: `{ notify: 'no desktop here' }`. */
  readonly unavailable: Partial<Record<'notify' | 'blockSleep' | 'simulator' | 'wake' | 'hub', string>>;
  /** The system's keychain; absent where the host has none. */
  readonly secrets?: SecretStore;
  notify(notice: { title: string; text: string; severity: 'info' | 'warning' | 'error' | 'critical' }): void;
  /** Keeps the system awake while a recording runs. */
  blockSleep(on: boolean): void;
  /** Starts it, or gives the one that runs. Throws simulator.unavailable, simulator.failed. */
  startSimulator(): Promise<SimulatorProcess>;
  /** Starts it, or gives the one that runs. It finds the engine through the data folder. Throws share.failed. */
  startHub(): Promise<HubProcess>;
  /** The system woke up: sessions are checked at once instead of at the next timeout. `sleptMs`: how long it slept, where the host knows. */
  onWake(listener: (sleptMs?: number) => void): Disposable;
  /** Outputs off was pressed outside every screen (the desktop's shortcut). */
  onOutputsOff(listener: () => void): Disposable;
}
