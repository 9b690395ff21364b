import { LabError } from '../../../core/errors.ts';
import type { Principal } from '../../access/principal.ts';
import { hasRight } from '../../access/role.ts';
import type { CaptureDesk } from '../capture-desk.ts';
import { waveformHead } from '../waveform-shape.ts';
import type { StreamPlace, StreamSink, StreamTask } from './stream-task.ts';

export interface WaveformAsk {
  equipment: string;
  channel: number;
  intervalMs: number;
  principal: () => Principal;
  captures: CaptureDesk;
}

/**
 * Waveforms of one channel for one client, without their samples (GET /api/waveform/cached has them). Who may control has one taken at each turn; who may only look
 * gets those that others take.
 */
export class WaveformTask implements StreamTask {
  readonly #place: StreamPlace;
  readonly #ask: WaveformAsk;
  readonly #sink: StreamSink;
  #intervalMs: number;
  #timer: Disposable | undefined;
  #lastId = '';
  #isEnded = false;
  #hasFailed = false;

  constructor(place: StreamPlace, ask: WaveformAsk, sink: StreamSink) {
    this.#place = place;
    this.#ask = ask;
    this.#sink = sink;
    this.#intervalMs = ask.intervalMs;
    void this.#turn();
  }

  pace(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#timer?.[Symbol.dispose]();
    if (this.#timer) this.#wait();
  }

  [Symbol.dispose](): void {
    this.#isEnded = true;
    this.#timer?.[Symbol.dispose]();
  }

  #wait(): void {
    this.#timer = this.#place.after(this.#intervalMs, () => {
      this.#timer = undefined;
      void this.#turn();
    });
  }

  /** One at a time: an instrument that needs longer than the interval sets the pace. */
  async #turn(): Promise<void> {
    try {
      await this.#read();
      this.#hasFailed = false;
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (this.#isEnded) return;
      if (error.code === 'hub.no-equipment' || error.code === 'instrument.unknown') {
        this[Symbol.dispose]();
        this.#sink.ended('The equipment is not attached any more.');
        return;
      }
      // Said once for as long as it lasts.
      if (!this.#hasFailed) this.#sink.fault(error);
      this.#hasFailed = true;
    }
    if (!this.#isEnded) this.#wait();
  }

  async #read(): Promise<void> {
    const { equipment: id, channel, principal, captures } = this.#ask;
    const equipment = this.#place.bench.find(id);
    const who = principal();
    const capture = hasRight(who.role, 'control')
      ? await captures.capture(who, equipment, channel)
      : await captures.newest(equipment, channel);
    if (this.#isEnded || !capture || capture.id === this.#lastId) return;
    this.#lastId = capture.id;
    this.#sink.data({ ...waveformHead(equipment, capture) });
  }
}
