import type { AlarmRule, AlarmState } from '../../contract/alarm-schema.ts';
import type { BenchState } from '../../contract/bench-schema.ts';
import { alarmEventId } from '../bench/alarm-event-id.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { isoTime } from '../server-time.ts';
import { type AlarmEvent, alarmEvent, raisedMessages } from './alarm-event.ts';
import type { Broadcast } from './socket/socket-client.ts';

/** Cleared events that are remembered. */
const MAX_EVENTS = 1000;

/** Who acknowledged, for the event that the acknowledgement is seen in. */
interface Acknowledgement {
  by: string;
  note: string | null;
}

/**
 * Alarms of the engine as events that begin and end, whoever set or acknowledged them.
 *
 *     (none) ──active or latched──▶ active ──acknowledged──▶ acknowledged ──normal, rule gone──▶ cleared
 */
export class AlarmBook implements Disposable {
  readonly #bench: HubBench;
  readonly #nowNs: () => bigint;
  readonly #tell: (broadcast: Broadcast) => void;
  /** By rule. */
  readonly #active = new Map<string, AlarmEvent>();
  readonly #cleared: AlarmEvent[] = [];
  readonly #acknowledging = new Map<string, Acknowledgement>();
  readonly #stop: Disposable;

  constructor(bench: HubBench, nowNs: () => bigint, tell: (broadcast: Broadcast) => void) {
    this.#bench = bench;
    this.#nowNs = nowNs;
    this.#tell = tell;
    // What is active already was told to nobody here: it is no news.
    for (const state of bench.state.alarms) this.#begin(state, false);
    this.#stop = bench.onChange((now, before) => {
      if (now.alarms !== before.alarms || now.rules !== before.rules) this.#follow(now);
    });
  }

  get active(): readonly AlarmEvent[] {
    return [...this.#active.values()];
  }

  /** Newest first. */
  get all(): readonly AlarmEvent[] {
    return [...this.active, ...this.#cleared].toSorted((one, other) =>
      one.triggered_at < other.triggered_at ? 1 : -1,
    );
  }

  find(event: string): AlarmEvent | undefined {
    return this.all.find(({ event_id }) => event_id === event);
  }

  ofRule(rule: string): AlarmEvent | undefined {
    return this.#active.get(rule);
  }

  /** Whose acknowledgement comes next for a rule. */
  acknowledging(rule: string, acknowledgement: Acknowledgement): void {
    this.#acknowledging.set(rule, acknowledgement);
  }

  [Symbol.dispose](): void {
    this.#stop[Symbol.dispose]();
  }

  #follow(now: BenchState): void {
    for (const [rule, event] of [...this.#active]) {
      const state = now.alarms.find((one) => one.rule === rule);
      if (!state || !isRaised(state)) this.#end(rule, event);
      else if (state.acknowledged && event.state === 'active') this.#acknowledge(rule, event);
    }
    for (const state of now.alarms) this.#begin(state, true);
  }

  #begin(state: AlarmState, isNews: boolean): void {
    if (!isRaised(state) || this.#active.has(state.rule)) return;
    const rule = this.#bench.state.rules.find(({ id }) => id === state.rule);
    if (!rule) return;
    const event = alarmEvent(alarmEventId(state), rule, state, this.#where(rule));
    this.#active.set(state.rule, event);
    if (!isNews) return;
    for (const message of raisedMessages(event)) this.#say(event, message);
  }

  #acknowledge(rule: string, event: AlarmEvent): void {
    const by = this.#acknowledging.get(rule);
    this.#acknowledging.delete(rule);
    event.state = 'acknowledged';
    event.acknowledged_at = isoTime(this.#nowNs());
    event.acknowledged_by = by?.by ?? 'bench';
    event.acknowledgment_note = by?.note ?? null;
    const { event_id, state, acknowledged_at, acknowledged_by } = event;
    this.#say(event, { type: 'alarm_updated', data: { event_id, state, acknowledged_at, acknowledged_by } });
  }

  #end(rule: string, event: AlarmEvent): void {
    const by = this.#acknowledging.get(rule);
    // Of a latched one the acknowledgement is its end.
    if (by && event.state === 'active') this.#acknowledge(rule, event);
    this.#active.delete(rule);
    event.state = 'cleared';
    event.cleared_at = isoTime(this.#nowNs());
    this.#cleared.push(event);
    if (this.#cleared.length > MAX_EVENTS) this.#cleared.shift();
    this.#say(event, { type: 'alarm_cleared', data: { event_id: event.event_id } });
  }

  #say({ severity }: AlarmEvent, message: Record<string, unknown>): void {
    this.#tell({ channel: 'alarms', priority: severity === 'critical' ? 'CRITICAL' : 'HIGH', message });
  }

  #where(rule: AlarmRule): { equipment: string | null; parameter: string } {
    for (const equipment of this.#bench.equipment) {
      const channel = equipment.channels.find(({ id }) => id === rule.channel);
      if (channel) return { equipment: equipment.id, parameter: channel.name };
    }
    return { equipment: null, parameter: rule.channel };
  }
}

function isRaised({ state }: AlarmState): boolean {
  return state === 'active' || state === 'latched';
}
