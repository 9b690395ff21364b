import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue, InstrumentShape } from '../../core/instrument.ts';
import type { RowSource } from '../../core/link-word.ts';
import type { Equipment, LabStream, StreamOffer } from '../../lab/equipment.ts';
import type { Driver, DriverStatus, OutputOff, StreamOutlet, Waveform } from '../driver/driver.ts';
import type { ExchangeOptions } from '../session/session.ts';
import type { RemotePlace, RemoteSession } from './remote-session.ts';
import { createRemoteOutlet } from './remote-stream.ts';

/** How fast its streams are asked for. */
const RATE = 'rate';

/** The dialect of an instrument behind a lab server: what the server does for it, as every other driver does it at the instrument. */
export class RemoteDriver implements Driver {
  readonly isFreeWhileStreaming = true;
  readonly #place: RemotePlace;
  readonly #session: RemoteSession;
  readonly #streams = new Map<string, LabStream>();
  readonly #sources = new Map<string, RowSource | 'silent'>();
  #words = new Set<string>();
  #rateHz: number | undefined;

  constructor(place: RemotePlace, session: RemoteSession) {
    this.#place = place;
    this.#session = session;
  }

  /** As the server lists it now; the last it listed while it does not. */
  get shape(): InstrumentShape {
    const { shape, streams } = this.#equipment;
    const own = this.#hasRate ? [rateControl(streams)] : [];
    // Its rows come as streams: nothing is polled from here.
    return { ...shape, controls: [...shape.controls, ...own], polled: [] };
  }

  /** Words the server says no more are empty, not what they were. How its rows come is told as an event, and stands with the streams of the server. */
  async status(): Promise<DriverStatus> {
    // How many streams the server has is no word of the instrument: each client that comes or goes would be an event.
    const { streams: _streams, ...words } = this.#equipment.status;
    const gone = [...this.#words].filter((word) => !(word in words)).map((word) => [word, '']);
    this.#words = new Set(Object.keys(words));
    return { ...Object.fromEntries(gone), ...words };
  }

  /** All of them from a server that is away: none, so that those known stay. */
  async readControls(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    const { server, equipment } = this.#place;
    const isAway = server.link.word !== 'connected' && server.link.word !== 'degraded' && server.link.word !== 'failed';
    if (ids === undefined && isAway) return {};
    const values = await server.readControls(equipment, signal);
    const rate = { [RATE]: this.#asked };
    const all: Record<string, ControlValue> = this.#hasRate ? { ...values, ...rate } : values;
    return ids === undefined ? all : Object.fromEntries(Object.entries(all).filter(([id]) => ids.includes(id)));
  }

  async setControl(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    if (id === RATE && this.#hasRate) return this.#setRate(Number(value));
    const { server, equipment, timeoutMs } = this.#place;
    let readBack: Record<string, ControlValue> = {};
    await this.#session.traced(`${id} = ${value}`, async () => {
      readBack = await server.setControl(equipment, id, value, { timeoutMs, signal });
      return JSON.stringify(readBack);
    });
    return readBack;
  }

  async outputsOff(): Promise<OutputOff[]> {
    const { server, equipment } = this.#place;
    const groups = new Set(this.shape.controls.flatMap(({ isOutput, group }) => (isOutput ? [group] : [])));
    let results: OutputOff[] = [];
    try {
      await this.#session.traced('outputs off', async () => {
        results = (await server.outputsOff(equipment)).map(({ group, confirmed, reason }) => ({
          group,
          confirmed,
          ...(reason === undefined ? {} : { reason }),
        }));
        return JSON.stringify(results);
      });
    } catch (error) {
      const reason = LabError.from(error).message;
      return [...groups].map((group) => ({ group, confirmed: false, reason }));
    }
    // What the server did not speak of is not off.
    const missing = [...groups].filter((group) => !results.some((result) => result.group === group));
    const silent = missing.map((group) => ({ group, confirmed: false, reason: 'The lab server said nothing of it.' }));
    return [...results, ...silent];
  }

  async capture(channels: readonly string[], signal: AbortSignal): Promise<Waveform> {
    const { server, equipment } = this.#place;
    if (!server.capture) {
      throw new LabError(
        'server.unsupported',
        `${server.url} gives no waveforms. Nothing was sent. Attach the oscilloscope directly to capture.`,
      );
    }
    const { columns, samples, ...rest } = await server.capture(equipment, channels, signal);
    return { ...rest, columns: [...columns], samples: [...samples] };
  }

  async send(command: string, options: ExchangeOptions): Promise<void> {
    await this.#session.write(command, options);
  }

  /** Until the signal aborts or the client is given up: within a client the server's link mends itself. */
  async stream(outlet: StreamOutlet, signal: AbortSignal): Promise<void> {
    const { server, clock } = this.#place;
    const begin = (): void => {
      for (const offer of this.#equipment.streams) {
        if (offer.caution !== undefined || this.#streams.has(offer.name)) continue;
        const host = {
          nowNs: () => clock.nowNs(),
          came: (source: RowSource | 'silent', reason: string) => {
            const before = this.#sources.get(offer.name);
            this.#sources.set(offer.name, source);
            // That rows come live at the beginning is no news.
            if (source !== before && !(before === undefined && source === 'live'))
              this.#place.sourceChanged(offer.name, source, reason);
          },
        };
        const lab = createRemoteOutlet(offer.name, outlet, host);
        const { equipment, streams } = this.#place;
        const stream = server.openStream(equipment, offer.name, this.#intervalOf(offer), lab);
        this.#streams.set(offer.name, stream);
        streams.set(`${equipment} ${offer.name}`, stream);
      }
    };
    begin();
    const listening = server.onEvent(({ kind }) => {
      if (kind === 'equipment' && !signal.aborted && this.#session.state !== 'closed') begin();
    });
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([stopped, this.#session.closed]);
    listening[Symbol.dispose]();
    await this.#closeStreams();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeStreams();
  }

  async #closeStreams(): Promise<void> {
    const open = [...this.#streams];
    this.#streams.clear();
    this.#sources.clear();
    for (const [name] of open) this.#place.streams.delete(`${this.#place.equipment} ${name}`);
    await Promise.allSettled(open.map(([, stream]) => stream[Symbol.asyncDispose]()));
  }

  #known: Equipment | undefined;

  get #equipment(): Equipment {
    const { server, equipment } = this.#place;
    this.#known = server.equipment.find(({ id }) => id === equipment) ?? this.#known;
    if (this.#known) return this.#known;
    throw unknownEquipment(server.url, equipment);
  }

  /** The stream rate is set here, where the server has no control of its own for it. */
  get #hasRate(): boolean {
    const { shape, streams } = this.#equipment;
    return streams.length > 0 && !shape.controls.some(({ id }) => id === RATE);
  }

  get #asked(): number {
    const [first] = this.#equipment.streams;
    return this.#rateHz ?? (first ? 1000 / first.defaultIntervalMs : 0);
  }

  #intervalOf(offer: StreamOffer): number {
    const wanted = this.#rateHz === undefined ? offer.defaultIntervalMs : 1000 / this.#rateHz;
    return Math.min(offer.maxIntervalMs, Math.max(offer.minIntervalMs, wanted));
  }

  #setRate(rateHz: number): Record<string, ControlValue> {
    if (!(rateHz > 0)) throw new LabError('call.invalid', 'A rate is more than 0 Hz. Nothing was changed.');
    this.#rateHz = rateHz;
    for (const offer of this.#equipment.streams) this.#streams.get(offer.name)?.setInterval(this.#intervalOf(offer));
    return { [RATE]: rateHz };
  }
}

function rateControl(streams: readonly StreamOffer[]): Control {
  const fastest = Math.min(...streams.map(({ minIntervalMs }) => minIntervalMs));
  const slowest = Math.max(...streams.map(({ maxIntervalMs }) => maxIntervalMs));
  return {
    id: RATE,
    group: '',
    label: 'Rate',
    kind: 'number',
    unit: 'Hz',
    min: 1000 / slowest,
    max: 1000 / fastest,
  };
}

/** `server.rejected`: the server lists no such equipment. */
export function unknownEquipment(url: string, equipment: string): LabError {
  return new LabError(
    'server.rejected',
    `${url} lists no equipment ${equipment}. It is not attached. Connect it at the server, then look again.`,
    { equipment },
  );
}
