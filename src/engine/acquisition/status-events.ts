import type { Clock } from '../../core/clock.ts';
import type { LabError } from '../../core/errors.ts';
import { EventLimiter } from '../state/event-limiter.ts';
import type { EventDraft } from '../state/event-log.ts';
import type { LampChange } from './instrument-panel.ts';

/** Bits of the status byte (IEEE 488.2 11.2, SCPI-99 volume 1, 9.1). */
const BITS = [
  { bit: 2, text: 'error queue' },
  { bit: 3, text: 'questionable status' },
  { bit: 4, text: 'answer waiting' },
  { bit: 5, text: 'standard event' },
  { bit: 7, text: 'operation status' },
];
const ERROR_QUEUE = 4;
const REQUEST = 64;

export interface StatusHost {
  readonly clock: Clock;
  event(draft: EventDraft): void;
  /** An output switched itself off, or was limited by its protection. */
  tripped(group: string): void;
}

/** Whose status it is. */
export interface StatusPlace {
  readonly id: string;
  readonly label: string;
  /** Polled channels, by their names. */
  readonly channels: readonly string[];
}

/** Status of one instrument as data: each change is one event, at its edge, at most one a second of a kind and place. */
export class StatusEvents implements Disposable {
  readonly #place: StatusPlace;
  readonly #host: StatusHost;
  readonly #limiter: EventLimiter;
  readonly #overloaded = new Set<string>();
  #statusByte = 0;

  constructor(place: StatusPlace, host: StatusHost) {
    this.#place = place;
    this.#host = host;
    this.#limiter = new EventLimiter(host.clock, (draft) => host.event(draft));
  }

  /** A lamp changed: `ch1.mode` CV → CC, `ch1.tripped` '' → OVP, `range`, `channel`. What is seen for the first time is no change, but a trip. */
  lamp({ key, from, to }: LampChange): void {
    const [, group = '', name = key] = /^(?:(.*)\.)?([^.]+)$/.exec(key) ?? [];
    if (name === 'tripped') {
      if (to !== '') this.#host.tripped(group);
      if (from === undefined && to === '') return;
      this.#tell(`trip ${key}`, {
        kind: 'trip',
        severity: to === '' ? 'info' : 'critical',
        text: `${this.#name(group)} ${to === '' ? `${from} cleared` : `tripped: ${to}`}`,
        ...this.#where(group, { key, from: from ?? '', to }),
      });
      return;
    }
    if (from === undefined) return;
    const kind = name === 'mode' ? 'mode' : name === 'range' || name === 'channel' ? 'range' : 'status';
    const what = name === 'mode' ? '' : name === 'channel' ? 'function ' : `${name.replaceAll('.', ' ')} `;
    this.#tell(`${kind} ${key}`, {
      kind,
      text: `${this.#name(group)} ${what}${from === '' ? '' : `${from} → `}${to === '' ? 'cleared' : to}`,
      ...this.#where(group, { key, from, to }),
    });
  }

  /** Its error queue said something. `codes` in the details of the error are those of SCPI. */
  error(error: LabError): void {
    // By what the instrument said: the message also has the command, which differs each time.
    this.#tell(`error ${error.code} ${String(error.details.codes ?? error.details.code ?? '')}`, {
      kind: 'instrument-error',
      severity: 'warning',
      text: `${this.#place.label}: ${error.message}`,
      ...this.#where('', { ...error.details }),
    });
  }

  /** The status byte as it was polled. Gives whether the error queue has something new to say. */
  statusByte(byte: number): boolean {
    const risen = byte & ~this.#statusByte;
    this.#statusByte = byte;
    if ((risen & REQUEST) !== 0) this.serviceRequest(byte);
    return (risen & ERROR_QUEUE) !== 0;
  }

  serviceRequest(byte: number | undefined): void {
    const reasons = BITS.filter(({ bit }) => byte !== undefined && (byte & (1 << bit)) !== 0).map(({ text }) => text);
    this.#tell('service request', {
      kind: 'service-request',
      text: `${this.#place.label} asks for service${reasons.length > 0 ? `: ${reasons.join(', ')}` : ''}`,
      ...this.#where('', byte === undefined ? {} : { statusByte: byte }),
    });
  }

  /** `*OPC`, or the answer to `*OPC?`. */
  operationComplete(): void {
    this.#tell('operation complete', {
      kind: 'operation-complete',
      text: `${this.#place.label}: operation complete`,
      ...this.#where('', {}),
    });
  }

  /** A value that was measured; ±Infinity is overload, NaN says nothing. */
  value(channel: string, value: number): void {
    if (Number.isNaN(value)) return;
    const isOver = value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;
    if (isOver === this.#overloaded.has(channel)) return;
    if (isOver) this.#overloaded.add(channel);
    else this.#overloaded.delete(channel);
    // Back in range is told by the trace itself.
    if (!isOver) return;
    this.#tell(`overload ${channel}`, {
      kind: 'overload',
      severity: 'warning',
      text: `${this.#place.label} ${channel}: overload`,
      instrument: this.#place.id,
      channel: `${this.#place.id}/${channel}`,
      data: { sign: value > 0 ? 1 : -1 },
    });
  }

  [Symbol.dispose](): void {
    this.#limiter[Symbol.dispose]();
  }

  #tell(key: string, draft: EventDraft): void {
    this.#limiter.add(key, draft);
  }

  #name(group: string): string {
    return [this.#place.label, group.replaceAll('.', ' ')].filter(Boolean).join(' ');
  }

  /** The event is of the first channel of its group, where there is one. */
  #where(group: string, data: Record<string, unknown>): Pick<EventDraft, 'instrument' | 'channel' | 'data'> {
    const { id, channels } = this.#place;
    const name = group === '' ? undefined : channels.find((channel) => channel.startsWith(`${group}.`));
    return {
      instrument: id,
      ...(name === undefined ? {} : { channel: `${id}/${name}` }),
      data: group === '' ? data : { group, ...data },
    };
  }
}
