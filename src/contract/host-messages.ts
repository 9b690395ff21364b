import { z } from 'zod';
import { fault } from './calls.ts';
import { errorRecord, role, severity } from './value-schema.ts';

/**
 * What an engine in a process of its own and the host that started it say to each other: Electron main over a parent port, `labwire serve`
 * over the IPC channel of a child process. Screens never see it.
 */

/** An instrument of the simulated bench, as its process announces it. */
export const simulatedInstrument = z.object({
  name: z.string(),
  role,
  idn: z.string().nullable(),
  resources: z.array(z.string()),
  reason: z.string().optional(),
});
export type SimulatedInstrument = z.infer<typeof simulatedInstrument>;

/** What the engine asks of its host and waits for. */
export const hostRequest = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('startSimulator') }),
  z.object({ kind: z.literal('stopSimulator') }),
  z.object({ kind: z.literal('setFault'), name: z.string(), fault }),
  /** The process that shares the bench; answered when it runs. It finds the engine by itself, through the data folder. */
  z.object({ kind: z.literal('startHub') }),
  z.object({ kind: z.literal('stopHub') }),
  /** Desktop: a process for the VISA library of a maker. The answer comes with one port, the wire to it; the port closes when the process ends. */
  z.object({ kind: z.literal('startVisa') }),
  /** Desktop: the keychain of the system. Refused where there is none. */
  z.object({ kind: z.literal('readSecret'), name: z.string().max(200) }),
  z.object({ kind: z.literal('writeSecret'), name: z.string().max(200), value: z.string().max(20_000).nullable() }),
]);
export type HostRequest = z.infer<typeof hostRequest>;

/** Host to engine process. */
export const toEngine = z.discriminatedUnion('kind', [
  /** `labwire serve`: where to listen and with which token, the same after a restart; not in the arguments, which others can read. */
  z.object({
    kind: z.literal('open'),
    port: z.int().min(0).max(65_535),
    token: z.string().min(1),
    /** Abilities the host lacks, with the reason. */
    unavailable: z.partialRecord(z.enum(['notify', 'blockSleep', 'simulator', 'wake', 'hub']), z.string()),
  }),
  /** Desktop, with one port: the wire to a window's page. */
  z.object({ kind: z.literal('connect') }),
  /** Drain, finish open recordings, then exit with 0. */
  z.object({ kind: z.literal('close') }),
  /** The system woke up; `sleptMs`: how long it slept, where the host was told. */
  z.object({ kind: z.literal('wake'), sleptMs: z.number().optional() }),
  /** The shortcut of the whole desktop was pressed: Outputs off, whatever window is in front. */
  z.object({ kind: z.literal('outputsOff') }),
  z.object({ kind: z.literal('simulatorEnded'), reason: z.string() }),
  /** The hub ended unasked. `retryMs`: it is started again after that; null: not, because it ended too often. */
  z.object({ kind: z.literal('hubEnded'), reason: z.string(), retryMs: z.number().nullable() }),
  /** The answer to a request: the instruments of the simulated bench where it was asked for, else none; a secret where one was asked for and is there. */
  z.object({
    kind: z.literal('answer'),
    request: z.int(),
    instruments: z.array(simulatedInstrument),
    secret: z.string().optional(),
  }),
  z.object({ kind: z.literal('refusal'), request: z.int(), error: errorRecord }),
]);
export type ToEngine = z.infer<typeof toEngine>;

/** Engine process to host. */
export const fromEngine = z.discriminatedUnion('kind', [
  /** It stands. `url`: where it listens, if that was asked of it. */
  z.object({ kind: z.literal('ready'), url: z.string().optional() }),
  /** It could not open (`engine.folder-in-use`, …). */
  z.object({ kind: z.literal('failed'), error: errorRecord }),
  z.object({ kind: z.literal('notify'), title: z.string(), text: z.string(), severity }),
  z.object({ kind: z.literal('blockSleep'), on: z.boolean() }),
  z.object({ kind: z.literal('request'), request: z.int(), ask: hostRequest }),
]);
export type FromEngine = z.infer<typeof fromEngine>;
