import { randomUUID } from 'node:crypto';
import type { AlarmAction, AlarmRule, AlarmState } from '../../contract/alarm-schema.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { AlarmEngine } from '../alarm/alarm-engine.ts';
import type { AlarmTransition } from '../alarm/alarm-machine.ts';
import { transitionData, transitionText } from '../alarm/alarm-text.ts';
import type { SampleSink } from '../sample-sink.ts';

export interface ReplayAlarmsOptions {
  /** The time of the recording. */
  clock: Clock;
  /** As it was recorded: shown value = gain × sample + offset. */
  channelOf(channel: string): { scale: { gain: number; offset: number }; unit: string } | undefined;
  /** States or what happened are others now. */
  changed(): void;
  /** Events kept; the newest. */
  limit?: number;
}

/** What an action comes to: a replay shows, and does nothing real. */
const DID: Record<AlarmAction, string> = {
  notify: 'replay: shown here only',
  mark: 'replay: marked here only',
  'recording.start': 'replay: would have started a recording',
  'recording.stop': 'replay: would have stopped the recording',
  'outputs.off': 'replay: would have switched the outputs off',
};

/** The rules of the bench on a recording that plays: they are judged as live, at the times of the recording, and act on nothing. */
export class ReplayAlarms implements SampleSink, Disposable {
  readonly #options: ReplayAlarmsOptions;
  readonly #engine: AlarmEngine;
  #happened: LabEvent[] = [];

  constructor(options: ReplayAlarmsOptions) {
    this.#options = options;
    this.#engine = new AlarmEngine({
      clock: options.clock,
      scaleOf: (channel) => options.channelOf(channel)?.scale ?? { gain: 1, offset: 0 },
      changed: () => options.changed(),
      transition: (rule, transition) => this.#tell(rule, transition),
      act: (action) => DID[action],
    });
  }

  get rules(): AlarmRule[] {
    return this.#engine.rules;
  }

  get states(): AlarmState[] {
    return this.#engine.states;
  }

  /** Transitions of this run, oldest first. */
  get happened(): LabEvent[] {
    return this.#happened;
  }

  /** The rules there are now: one that is as it was goes on, another begins from normal. */
  setRules(rules: readonly AlarmRule[]): void {
    const before = new Map(this.#engine.rules.map((rule) => [rule.id, JSON.stringify(rule)]));
    const gone = [...before.keys()].filter((id) => !rules.some((rule) => rule.id === id));
    for (const id of gone) this.#engine.remove(id);
    if (gone.length > 0) this.#options.changed();
    for (const rule of rules) if (before.get(rule.id) !== JSON.stringify(rule)) this.#engine.set(rule);
  }

  streamOpened(info: StreamInfo): void {
    this.#engine.streamOpened(info);
  }

  batch(batch: Batch): void {
    this.#engine.batch(batch);
  }

  gap(): void {}

  streamClosed(stream: number): void {
    this.#engine.streamClosed(stream);
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }

  #tell(rule: AlarmRule, transition: AlarmTransition): void {
    this.#happened.push({
      id: randomUUID(),
      t: String(transition.atNs),
      kind: 'alarm',
      severity: rule.severity,
      channel: rule.channel,
      text: transitionText(rule, transition, this.#options.channelOf(rule.channel)?.unit ?? ''),
      data: transitionData(rule, transition),
    });
    const limit = this.#options.limit ?? 50;
    // In blocks, so that a rule that flutters does not move the list for every event.
    if (this.#happened.length > 2 * limit) this.#happened = this.#happened.slice(-limit);
  }
}
