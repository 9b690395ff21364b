import type { Fault } from '../contract/calls.ts';
import type { ErrorRecord } from '../core/errors.ts';
import type { Role } from '../core/instrument.ts';

/** An instrument of the simulated bench, as its process announces it. */
export interface SimulatedInstrument {
  name: string;
  role: Role;
  idn: string | null;
  resources: string[];
  reason?: string | undefined;
}

export type Severity = 'info' | 'warning' | 'error' | 'critical';

/** What the engine asks of main and waits for. */
export type HostRequest =
  | { kind: 'startSimulator' }
  | { kind: 'stopSimulator' }
  | { kind: 'setFault'; name: string; fault: Fault };

/** Main to engine process, over its parent port. */
export type ToEngine =
  /** With one port: the wire to a window's page. */
  | { kind: 'connect' }
  /** Drain, finish open recordings, then exit with 0. */
  | { kind: 'close' }
  | { kind: 'wake' }
  | { kind: 'simulatorEnded'; reason: string }
  /** The answer to a request: the instruments of the simulated bench where it was asked for, else none. */
  | { kind: 'answer'; request: number; instruments: SimulatedInstrument[] }
  | { kind: 'refusal'; request: number; error: ErrorRecord };

/** Engine process to main. */
export type FromEngine =
  | { kind: 'ready' }
  /** It could not open, and would not at another try (`engine.folder-in-use`, …): told to the person, not restarted. */
  | { kind: 'failed'; error: ErrorRecord }
  | { kind: 'notify'; title: string; text: string; severity: Severity }
  | { kind: 'blockSleep'; on: boolean }
  | { kind: 'request'; request: number; ask: HostRequest };
