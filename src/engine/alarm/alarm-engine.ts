import type { AlarmAction, AlarmRule, AlarmState } from '../../contract/alarm-schema.ts';
import { BATCH_FLAG, type Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink } from '../sample-sink.ts';
import { AlarmMachine, type AlarmTransition } from './alarm-machine.ts';

export interface AlarmHost {
  clock: Clock;
  /** Shown value = gain * sample + offset. */
  scaleOf(channel: string): { gain: number; offset: number };
  /** The state of a rule changed (also by acknowledge, shelve): to screens. */
  changed(rule: AlarmRule, state: AlarmState): void;
  /** A transition: into the event log and the recording. */
  transition(rule: AlarmRule, transition: AlarmTransition): void;
  /** Does one action; gives what it did in words for the list. Must not throw. */
  act(action: AlarmAction, rule: AlarmRule, transition: AlarmTransition): string;
}

interface Watched {
  machine: AlarmMachine;
  shelvedUntilNs: bigint | undefined;
  /** Raised while shelved: acted on when the shelf ends and it still is. */
  owed: AlarmTransition | undefined;
  did: string[];
}

const TICK_MS = 250;
/** An alarm that flutters acts at most that often; its transitions are all kept. */
const ACT_INTERVAL_NS = 1_000_000_000n;

/**
 * Watches every stream as a consumer of the fan, so it works with no window and no server. Costs nothing for channels without a rule.
 */
export class AlarmEngine implements SampleSink, Disposable {
  readonly #host: AlarmHost;
  readonly #watched = new Map<string, Watched>();
  readonly #streams = new Map<number, StreamInfo>();
  /** Per stream: which column feeds which rules. Rebuilt when rules or streams change. */
  #routes = new Map<number, { column: number; channel: string; watched: Watched }[]>();
  readonly #lastAct = new Map<string, bigint>();
  #timer: Disposable;

  constructor(host: AlarmHost) {
    this.#host = host;
    this.#timer = host.clock.after(TICK_MS, () => this.#tick());
  }

  get states(): AlarmState[] {
    return [...this.#watched.values()].map(stateOf);
  }

  get rules(): AlarmRule[] {
    return [...this.#watched.values()].map(({ machine }) => machine.rule);
  }

  /** Adds or replaces a rule; a replaced one starts from normal. */
  set(rule: AlarmRule): void {
    const watched: Watched = {
      machine: new AlarmMachine(rule, this.#host.clock.nowNs()),
      shelvedUntilNs: undefined,
      owed: undefined,
      did: [],
    };
    this.#watched.set(rule.id, watched);
    this.#route();
    this.#host.changed(rule, stateOf(watched));
  }

  /** Throws alarm.unknown. */
  remove(id: string): void {
    this.#find(id);
    this.#watched.delete(id);
    this.#lastAct.delete(id);
    this.#route();
  }

  /** Throws alarm.unknown. */
  acknowledge(id: string): void {
    const watched = this.#find(id);
    this.#apply(watched, watched.machine.acknowledge(this.#host.clock.nowNs()));
    this.#host.changed(watched.machine.rule, stateOf(watched));
  }

  /** Rules on, actions off, for that long; 0 ends it. Throws alarm.unknown. */
  shelve(id: string, minutes: number): void {
    const watched = this.#find(id);
    watched.shelvedUntilNs = this.#host.clock.nowNs() + BigInt(Math.round(minutes * 60e9));
    if (minutes <= 0) this.#unshelve(watched);
    this.#host.changed(watched.machine.rule, stateOf(watched));
  }

  streamOpened(info: StreamInfo): void {
    if (info.kind === 'segment') return;
    this.#streams.set(info.id, info);
    this.#route();
  }

  streamClosed(stream: number): void {
    this.#streams.delete(stream);
    this.#routes.delete(stream);
  }

  gap(): void {}

  batch(batch: Batch): void {
    const routes = this.#routes.get(batch.stream);
    if (!routes) return;
    for (const { column, channel, watched } of routes) {
      const values = batch.columns[column];
      if (!values) continue;
      const { gain, offset } = this.#host.scaleOf(channel);
      const afterGap = (batch.flags & BATCH_FLAG.gap) !== 0;
      const samples = { column: values, t0Ns: batch.t0Ns, times: batch.times, dtS: batch.dtS, gain, offset, afterGap };
      this.#apply(watched, watched.machine.feed(samples, batch.arrivedNs));
    }
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #tick(): void {
    this.#timer = this.#host.clock.after(TICK_MS, () => this.#tick());
    const nowNs = this.#host.clock.nowNs();
    for (const watched of this.#watched.values()) {
      if (!watched.machine.rule.enabled) continue;
      this.#apply(watched, watched.machine.tick(nowNs));
      if (watched.shelvedUntilNs !== undefined && nowNs >= watched.shelvedUntilNs) {
        this.#unshelve(watched);
        this.#host.changed(watched.machine.rule, stateOf(watched));
      }
    }
  }

  #unshelve(watched: Watched): void {
    watched.shelvedUntilNs = undefined;
    const owed = watched.owed;
    watched.owed = undefined;
    if (owed && watched.machine.word === 'active') this.#act(watched, owed);
  }

  #apply(watched: Watched, transitions: AlarmTransition[]): void {
    if (transitions.length === 0) return;
    for (const transition of transitions) {
      this.#host.transition(watched.machine.rule, transition);
      if (transition.to !== 'active') continue;
      if (watched.shelvedUntilNs !== undefined) watched.owed = transition;
      else this.#act(watched, transition);
    }
    this.#host.changed(watched.machine.rule, stateOf(watched));
  }

  #act(watched: Watched, transition: AlarmTransition): void {
    const { rule } = watched.machine;
    const last = this.#lastAct.get(rule.id);
    const nowNs = this.#host.clock.nowNs();
    // Switching outputs off is never held back.
    const fluttering = last !== undefined && nowNs - last < ACT_INTERVAL_NS;
    const actions = fluttering ? rule.actions.filter((action) => action === 'outputs.off') : rule.actions;
    if (!fluttering) this.#lastAct.set(rule.id, nowNs);
    watched.did = actions.map((action) => this.#host.act(action, rule, transition));
  }

  #find(id: string): Watched {
    const watched = this.#watched.get(id);
    if (!watched)
      throw new LabError('alarm.unknown', 'That alarm rule does not exist any more. Look at the list again.', {
        rule: id,
      });
    return watched;
  }

  #route(): void {
    this.#routes = new Map();
    for (const info of this.#streams.values()) {
      const routes = info.columns.flatMap((column, index) => {
        const channel = channelId(info.instrument, column.channel);
        return [...this.#watched.values()]
          .filter(({ machine }) => machine.rule.enabled && machine.rule.channel === channel)
          .map((watched) => ({ column: index, channel, watched }));
      });
      if (routes.length > 0) this.#routes.set(info.id, routes);
    }
  }
}

function stateOf({ machine, shelvedUntilNs, did }: Watched): AlarmState {
  const { value } = machine;
  return {
    rule: machine.rule.id,
    state: machine.word,
    sinceNs: String(machine.sinceNs),
    value: Number.isNaN(value) ? null : Number.isFinite(value) ? value : value > 0 ? 'overload' : '-overload',
    acknowledged: machine.acknowledged,
    shelvedUntilNs: shelvedUntilNs === undefined ? null : String(shelvedUntilNs),
    did,
  };
}
