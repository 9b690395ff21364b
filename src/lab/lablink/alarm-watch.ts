import { parseIsoTime } from '../../protocol/lab/iso-time.ts';
import type { LabLinkMessage } from '../../protocol/lab/lablink-message.ts';
import { alarmEvents } from '../../protocol/lab/lablink-rest.ts';
import type { LabServerEvent } from '../lab-server.ts';
import type { LabLinkPlace } from './place.ts';

type Alarm = Extract<LabServerEvent, { kind: 'alarm' }>;
type State = Alarm['state'];

/** So many events are remembered to tell repeats apart. */
const REMEMBERED = 1000;

interface Said {
  event_id: string;
  alarm_name?: string | undefined;
  severity?: string | undefined;
  state?: string | undefined;
  equipment_id?: string | undefined;
  message?: string | undefined;
  triggered_at?: string | undefined;
  timestamp?: string | undefined;
}

/**
 * Alarms of the server, each state of each event once: the same comes as `alarm`, as `alarm_event` and in the list of active events, and on some sockets by none of
 * the first two.
 */
export class AlarmWatch {
  readonly #place: LabLinkPlace;
  readonly #known = new Map<string, Alarm>();

  constructor(place: LabLinkPlace) {
    this.#place = place;
  }

  message(message: LabLinkMessage): void {
    switch (message.type) {
      case 'alarm':
        this.#said(message);
        break;
      case 'alarm_event':
        this.#said(message.data);
        break;
      case 'alarm_updated':
        this.#become(message.data.event_id, stateOf(message.data.state));
        break;
      case 'alarm_cleared':
        this.#become(message.data.event_id, 'cleared');
        break;
      default:
    }
  }

  /** Asks for the active events. What was active and is none any more is cleared. */
  async poll(signal: AbortSignal): Promise<void> {
    const list = alarmEvents.safeParse(await this.#place.rest.get('/api/alarms/events/active', { signal }));
    if (!list.success) return;
    for (const event of list.data.events) this.#said(event);
    const active = new Set(list.data.events.map(({ event_id }) => event_id));
    for (const [id, alarm] of this.#known)
      if (alarm.state !== 'cleared' && !active.has(id)) this.#become(id, 'cleared');
  }

  #said(said: Said): void {
    const state = stateOf(said.state);
    const known = this.#known.get(said.event_id);
    if (known) {
      this.#become(said.event_id, state);
      return;
    }
    const stamp = parseIsoTime(said.triggered_at ?? said.timestamp);
    this.#emit({
      kind: 'alarm',
      id: said.event_id,
      state,
      severity: severityOf(said.severity),
      equipment: said.equipment_id ?? '',
      text: said.message ?? said.alarm_name ?? said.event_id,
      atNs: stamp ? this.#place.clock.toOurNs(stamp.ns, stamp.isNaive) : this.#place.ports.clock.nowNs(),
    });
  }

  /** States only go on: an old repeat does not make a cleared alarm active. */
  #become(id: string, state: State): void {
    const known = this.#known.get(id);
    if (!known || RANK[state] <= RANK[known.state]) return;
    this.#emit({ ...known, state });
  }

  #emit(alarm: Alarm): void {
    this.#known.delete(alarm.id);
    this.#known.set(alarm.id, alarm);
    if (this.#known.size > REMEMBERED) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#place.emit(alarm);
  }
}

const RANK: Readonly<Record<State, number>> = { active: 0, acknowledged: 1, cleared: 2 };

function stateOf(word: string | undefined): State {
  if (word === 'acknowledged' || word === 'cleared') return word;
  return word === 'suppressed' ? 'acknowledged' : 'active';
}

function severityOf(word: string | undefined): Alarm['severity'] {
  return word === 'info' || word === 'error' || word === 'critical' ? word : 'warning';
}
