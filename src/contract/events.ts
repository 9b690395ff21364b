import { z } from 'zod';
import { alarmRule, alarmState } from './alarm-schema.ts';
import {
  benchHead,
  emergencyStop,
  notice,
  outputsOffState,
  plotLayout,
  pulse,
  settings,
  simulatorState,
} from './bench-schema.ts';
import { discoveryState } from './discovery-schema.ts';
import { channelState, exchange, instrumentState, streamInfo } from './instrument-schema.ts';
import { mathState } from './math-schema.ts';
import { planState, recordingPlan, sweepState } from './plan-schema.ts';
import { flightState, job, labEvent, messageSession, recordingState } from './recording-schema.ts';
import { replayState } from './replay-schema.ts';
import { safetyState } from './safety-schema.ts';
import { serverState } from './server-schema.ts';
import { HUB_CALLS } from './share-calls.ts';
import { shareState } from './share-schema.ts';
import { upload, uploadState } from './upload-schema.ts';

/**
 * Events that change the bench state. Each carries `revision`, one more than the one before; a hole means: read the bench again.
 * Each replaces one keyed piece, so applying one twice does no harm.
 */
export const STATE_EVENTS = {
  'bench.changed': z.object({ bench: benchHead }),
  /** Another bench file was opened: read the bench again. */
  'bench.replaced': z.object({}),
  'settings.changed': z.object({ settings }),
  'simulator.changed': z.object({ simulator: simulatorState }),
  'instrument.changed': z.object({ instrument: instrumentState }),
  'instrument.removed': z.object({ instrument: z.string() }),
  'channel.changed': z.object({ channels: z.array(channelState) }),
  'channel.removed': z.object({ channels: z.array(z.string()) }),
  'stream.opened': z.object({ stream: streamInfo }),
  'stream.closed': z.object({ stream: z.int() }),
  'plot.changed': z.object({ plots: z.array(plotLayout) }),
  'recording.changed': z.object({ recording: recordingState }),
  'alarm.changed': z.object({ rule: alarmRule, state: alarmState }),
  'alarm.removed': z.object({ rule: z.string() }),
  'outputs.changed': z.object({ outputsOff: outputsOffState.nullable() }),
  'emergency.changed': z.object({ emergencyStop: emergencyStop.nullable() }),
  'safety.changed': z.object({ safety: safetyState }),
  'discovery.changed': z.object({ discovery: discoveryState }),
  'job.changed': z.object({ job }),
  'flight.changed': z.object({ flight: flightState }),
  'session.changed': z.object({ sessions: z.array(messageSession) }),
  'plan.changed': z.object({ plans: z.array(recordingPlan), planStates: z.array(planState) }),
  'sweep.changed': z.object({ sweep: sweepState }),
  'math.changed': z.object({ math: z.array(mathState) }),
  'replay.changed': z.object({ replay: replayState }),
  'replay.closed': z.object({ replay: z.string() }),
  'server.changed': z.object({ server: serverState }),
  'server.removed': z.object({ server: z.string() }),
  'share.changed': z.object({ share: shareState }),
  'upload.changed': z.object({ upload: uploadState }),
  /** Of one part, and of the server, alone: the list may be long. */
  'upload.progressed': z.object({ link: uploadState.shape.link, part: upload.nullable() }),
  'notice.raised': z.object({ notice }),
  'event.happened': z.object({ event: labEvent }),
} as const;

/** Events outside the state: no revision, may be missed. */
export const LOOSE_EVENTS = {
  'engine.pulse': pulse,
  /** Only to screens that asked with `trace.watch`; batched. */
  'exchange.happened': z.object({ exchanges: z.array(exchange).max(200) }),
  /** Only to the hub: a screen asked this of it. `share.answer` says what came of it. */
  'share.asked': z.object({ ask: z.int().nonnegative(), call: z.enum(HUB_CALLS), input: z.unknown(), who: z.string() }),
  /** Another process fills or empties the recordings folder. */
  'library.changed': z.object({}),
} as const;

export const EVENTS = { ...STATE_EVENTS, ...LOOSE_EVENTS } as const;

export type StateEventName = keyof typeof STATE_EVENTS;
export type EventName = keyof typeof EVENTS;
export type EventData<N extends EventName> = z.infer<(typeof EVENTS)[N]>;

/** A state event as a union, for reducers: exhaustive or it does not compile. */
export type StateEvent = { [N in StateEventName]: { event: N; data: EventData<N>; revision: number } }[StateEventName];
