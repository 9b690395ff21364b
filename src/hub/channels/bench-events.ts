import type { BenchState } from '../../contract/bench-schema.ts';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import { equipmentId } from '../bench/equipment.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { AlarmEvents } from './alarm-events.ts';
import type { ChannelDesk } from './channel-desk.ts';

/** What happened at the bench and is told as what somebody did. */
const ACTIONS: ReadonlySet<LabEvent['kind']> = new Set(['setpoint', 'outputs-off']);

/** Tells the channels what happens at the bench: states of instruments, alarms, triggers, settings, streams, recordings. */
export class BenchEvents implements Disposable {
  readonly #desk: ChannelDesk;
  readonly #alarms: AlarmEvents;
  readonly #ears: readonly Disposable[];

  constructor(bench: HubBench, desk: ChannelDesk) {
    this.#desk = desk;
    this.#alarms = new AlarmEvents(desk);
    this.#alarms.follow(bench.state, undefined);
    this.#ears = [
      bench.onChange((now, before) => this.#follow(now, before)),
      bench.onEvent((event) => this.#happened(event, bench.state)),
    ];
  }

  [Symbol.dispose](): void {
    for (const ear of this.#ears) ear[Symbol.dispose]();
  }

  #follow(now: BenchState, before: BenchState): void {
    if (now.alarms !== before.alarms || now.rules !== before.rules) this.#alarms.follow(now, before);
    if (now.instruments !== before.instruments) this.#instruments(now, before);
    if (now.streams !== before.streams) this.#streams(now, before);
    if (now.recording !== before.recording) this.#recording(now, before);
    if (now.sessions !== before.sessions) this.#sessions(now, before);
  }

  #instruments(now: BenchState, before: BenchState): void {
    const known = new Map(before.instruments.map((instrument) => [instrument.id, instrument]));
    for (const instrument of now.instruments) {
      const was = known.get(instrument.id);
      known.delete(instrument.id);
      if (was === instrument) continue;
      if (!was) this.#status('instrument.added', instrument);
      else this.#changed(instrument, was);
    }
    for (const gone of known.values()) this.#status('instrument.removed', gone);
  }

  #changed(instrument: InstrumentState, was: InstrumentState): void {
    if (instrument.state !== was.state) this.#status(`instrument.${instrument.state}`, instrument);
    else if (instrument.label !== was.label || instrument.controls !== was.controls)
      this.#status('instrument.changed', instrument);
    const equipment = equipmentId(instrument);
    if (instrument.lock?.id !== was.lock?.id) {
      const lock = instrument.lock;
      const data = lock ? { holder: lock.holder, who: lock.who, mode: lock.mode } : {};
      this.#desk.publish('control', lock ? 'lock.taken' : 'lock.released', { equipment_id: equipment, ...data });
    }
    for (const [control, value] of Object.entries(instrument.values)) {
      const readBack = value.readBack;
      if (readBack === undefined || readBack === was.values[control]?.readBack) continue;
      this.#desk.publish('control', 'control.changed', { equipment_id: equipment, control, value: readBack });
    }
  }

  #status(eventType: string, instrument: InstrumentState): void {
    const { label, state, lastError } = instrument;
    this.#desk.publish('status', eventType, {
      equipment_id: equipmentId(instrument),
      message: `${label}: ${eventType.slice('instrument.'.length)}`,
      label,
      state,
      ...(lastError ? { error: lastError.message } : {}),
    });
  }

  #streams(now: BenchState, before: BenchState): void {
    const tell = (eventType: string, info: BenchState['streams'][number], state: BenchState): void => {
      const instrument = state.instruments.find(({ id }) => id === info.instrument);
      if (!instrument) return;
      this.#desk.publish('acquisition', eventType, {
        equipment_id: equipmentId(instrument),
        stream_type: info.key.slice(info.instrument.length + 1),
        epoch: info.epoch,
        rate_hz: info.rateHz,
      });
    };
    const known = new Set(before.streams.map(({ id }) => id));
    const left = new Set(now.streams.map(({ id }) => id));
    for (const info of before.streams) if (!left.has(info.id)) tell('acquisition.stopped', info, before);
    for (const info of now.streams) if (!known.has(info.id)) tell('acquisition.started', info, now);
  }

  #recording({ recording }: BenchState, { recording: was }: BenchState): void {
    if (recording.state === was.state && recording.recording === was.recording) return;
    const { state, name, startedNs, bytes, rows, lost, error } = recording;
    this.#desk.publish('recordings', `recording.${state}`, {
      recording_id: recording.recording ?? was.recording,
      name,
      started: startedNs,
      bytes,
      rows,
      lost,
      ...(error ? { error: error.message } : {}),
    });
  }

  #sessions({ sessions }: BenchState, { sessions: was }: BenchState): void {
    const known = new Set(was.map(({ session }) => session));
    const left = new Set(sessions.map(({ session }) => session));
    for (const { session, format } of sessions)
      if (!known.has(session)) this.#desk.publish('recordings', 'session.started', { session_id: session, format });
    for (const { session, format, message_count } of was)
      if (!left.has(session))
        this.#desk.publish('recordings', 'session.stopped', { session_id: session, format, message_count });
  }

  /** Alarms tell their states themselves. */
  #happened(event: LabEvent, { instruments }: BenchState): void {
    if (event.kind === 'alarm') return;
    const instrument = instruments.find(({ id }) => id === event.instrument);
    this.#desk.publish(ACTIONS.has(event.kind) ? 'actions' : 'signals', event.kind, {
      event_id: event.id,
      event_type: event.kind,
      message: event.text,
      severity: event.severity ?? 'info',
      ...(instrument ? { equipment_id: equipmentId(instrument) } : {}),
      ...(event.data ? { data: event.data } : {}),
    });
  }
}
