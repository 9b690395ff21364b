import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import type { LabLinkEquipment, LabLinkStatus } from '../../protocol/lab/lablink-rest.ts';
import {
  acquisitionList,
  acquisitionStatus,
  equipmentList,
  equipmentStatus,
  health,
  safetyStatus,
} from '../../protocol/lab/lablink-rest.ts';
import type { Equipment } from '../equipment.ts';
import type { AcquisitionFacts } from './acquisition-stream.ts';
import { acquisitionColumns, acquisitionStreamName } from './acquisition-stream.ts';
import { shapeOf, streamsOf } from './equipment-shape.ts';
import type { LabLinkPlace } from './place.ts';

/** So often what no socket tells is asked for; ms. */
const ROUND_MS = 5_000;
const ROUND_TIMEOUT_MS = 8_000;
const MAX_EQUIPMENT = 500;
const MAX_ACQUISITIONS = 32;

export interface BenchHost {
  place: LabLinkPlace;
  /** Nothing is asked while the person has disconnected. */
  isPaused(): boolean;
  /** Instruments that were away and are back, or were replaced. */
  cameBack(equipment: readonly string[]): void;
  lockOwner(equipment: string): string | undefined;
  locks(locks: ReadonlyMap<string, { session: string }>): Promise<void>;
  /** Before the server is asked for the state of its stop: gives who takes the answer. */
  askingStop(): (isActive: boolean) => void;
  /** Each round, with whatever else must be asked. */
  round(signal: AbortSignal): Promise<void>;
}

interface Kept {
  item: LabLinkEquipment;
  status: LabLinkStatus | undefined;
  isConnected: boolean;
}

const allLocks = z.looseObject({
  exclusive_locks: z.record(z.string(), z.looseObject({ session_id: z.string() })),
});

/** The server's instruments, acquisitions, locks and stop, as it tells them when asked: its sockets say nothing of them. */
export class BenchWatch implements Disposable {
  readonly #host: BenchHost;
  readonly #kept = new Map<string, Kept>();
  readonly #stop = new AbortController();
  #acquisitions: readonly AcquisitionFacts[] = [];
  #timer: Disposable | undefined;
  #shown = '';
  #list: readonly Equipment[] = [];
  /** Its count of instruments is not the length of its list. */
  isSplit = false;

  constructor(host: BenchHost) {
    this.#host = host;
  }

  get equipment(): readonly Equipment[] {
    return this.#list;
  }

  acquisition(id: string): AcquisitionFacts | undefined {
    return this.#acquisitions.find((facts) => facts.id === id);
  }

  /** By the stream it is offered as. */
  acquisitionOf(equipment: string, stream: string): AcquisitionFacts | undefined {
    return this.#acquisitions.find((facts) => facts.equipment === equipment && facts.name === stream);
  }

  start(): void {
    this.#timer = this.#host.place.ports.clock.after(ROUND_MS, () => void this.#round());
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#stop.abort(new LabError('call.cancelled', 'The lab server was taken off the bench.'));
  }

  /** The list, what is new in it, and the acquisitions. Throws server.*. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { rest } = this.#host.place;
    const listed = equipmentList.safeParse(await rest.get('/api/equipment/list', { signal }));
    if (!listed.success)
      throw new LabError(
        'server.malformed',
        'The list of equipment of the lab server cannot be read. It stays as it was.',
      );
    const items = listed.data.slice(0, MAX_EQUIPMENT);
    const back: string[] = [];
    for (const item of items) {
      const kept = this.#kept.get(item.id);
      const isSame = kept?.isConnected && kept.item.serial_number === item.serial_number;
      if (kept && !isSame) back.push(item.id);
      const status = isSame && kept.status ? kept.status : await this.#status(item.id, signal);
      this.#kept.set(item.id, { item, status, isConnected: true });
    }
    const present = new Set(items.map(({ id }) => id));
    for (const [id, kept] of this.#kept) if (!present.has(id)) this.#kept.set(id, { ...kept, isConnected: false });
    while (this.#kept.size > MAX_EQUIPMENT) this.#kept.delete(this.#kept.keys().next().value ?? '');
    await this.#readAcquisitions(signal);
    const counted = health.safeParse(await rest.get('/health', { signal }));
    const count = counted.success ? counted.data.connected_devices : undefined;
    this.isSplit = count !== undefined && count !== listed.data.length;
    this.show();
    if (back.length > 0) this.#host.cameBack(back);
  }

  /** Tells the equipment if anything of it changed. */
  show(): void {
    const list = [...this.#kept.values()].map((kept) => this.#equipmentOf(kept));
    const shown = JSON.stringify(list);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#list = list;
    this.#host.place.emit({ kind: 'equipment' });
  }

  async #round(): Promise<void> {
    const { place } = this.#host;
    const { signal } = this.#stop;
    if (!this.#host.isPaused()) {
      const late = new AbortController();
      const end = (): void => late.abort(signal.reason);
      signal.addEventListener('abort', end, { once: true });
      const timeout = place.ports.clock.after(ROUND_TIMEOUT_MS, () =>
        late.abort(new LabError('server.timeout', 'The lab server did not answer in time.')),
      );
      const ask = [
        () => this.refresh(late.signal),
        () => this.#readLocks(late.signal),
        () => this.#readStop(late.signal),
        () => this.#host.round(late.signal),
      ];
      // One after the other, and whatever fails is asked again in the next round: the link says whether the server is there.
      for (const each of ask) await each().catch(() => undefined);
      timeout[Symbol.dispose]();
      signal.removeEventListener('abort', end);
    }
    if (!signal.aborted) this.start();
  }

  async #status(id: string, signal: AbortSignal): Promise<LabLinkStatus | undefined> {
    const answer = await this.#host.place.rest.answer(`/api/equipment/${encodeURIComponent(id)}/status`, { signal });
    const status = equipmentStatus.safeParse(answer.json);
    return answer.status === 200 && status.success ? status.data : undefined;
  }

  async #readAcquisitions(signal: AbortSignal): Promise<void> {
    const { rest } = this.#host.place;
    const answer = await rest.answer('/api/acquisition/sessions', { signal });
    const listed = acquisitionList.safeParse(answer.json);
    if (!listed.success) return;
    const sessions = listed.data.sessions.filter(({ state }) => state !== 'stopped' && state !== 'error');
    const facts: AcquisitionFacts[] = [];
    for (const { acquisition_id: id } of sessions.slice(-MAX_ACQUISITIONS)) {
      const known = this.acquisition(id);
      const path = `/api/acquisition/session/${encodeURIComponent(id)}/status`;
      const status = acquisitionStatus.safeParse((await rest.answer(path, { signal })).json);
      // Its state stays `acquiring` after the end; a status with NaN in it fails altogether.
      if (!status.success) {
        if (known) facts.push(known);
      } else if (status.data.stats?.end_time === undefined && this.#kept.has(status.data.equipment_id))
        facts.push(known ?? this.#factsOf(status.data, facts));
    }
    this.#acquisitions = facts;
  }

  #factsOf(status: z.infer<typeof acquisitionStatus>, others: readonly AcquisitionFacts[]): AcquisitionFacts {
    const { acquisition_id: id, equipment_id: equipment, config } = status;
    const beside = [...others, ...this.#acquisitions].filter((facts) => facts.equipment === equipment);
    let slot = 1;
    while (beside.some((facts) => facts.slot === slot)) slot++;
    const type = this.#kept.get(equipment)?.item.type;
    return {
      id,
      equipment,
      name: acquisitionStreamName(id),
      rateHz: Math.max(0.001, config?.sample_rate ?? 1),
      channels: (config?.channels ?? ['CH1']).slice(0, 64),
      unit: type === 'electronic_load' ? 'A' : 'V',
      bufferSize: config?.buffer_size ?? 10_000,
      slot,
    };
  }

  async #readLocks(signal: AbortSignal): Promise<void> {
    const said = allLocks.safeParse(await this.#host.place.rest.get('/api/locks/all', { signal }));
    if (!said.success) return;
    const locks = Object.entries(said.data.exclusive_locks);
    await this.#host.locks(new Map(locks.map(([id, { session_id }]) => [id, { session: session_id }])));
    this.show();
  }

  async #readStop(signal: AbortSignal): Promise<void> {
    const tell = this.#host.askingStop();
    const said = safetyStatus.safeParse(await this.#host.place.rest.get('/api/safety/status', { signal }));
    if (said.success) tell(said.data.emergency_stop_active);
  }

  #equipmentOf({ item, status, isConnected }: Kept): Equipment {
    const owner = this.#host.lockOwner(item.id);
    const facts = this.#acquisitions.filter(({ equipment }) => equipment === item.id);
    return {
      id: item.id,
      identity: {
        maker: item.manufacturer ?? '',
        model: item.model ?? '',
        serial: item.serial_number ?? '',
        firmware: status?.firmware_version ?? '',
      },
      label: item.nickname ?? item.model ?? item.id,
      shape: shapeOf(item, status),
      streams: [
        ...streamsOf(item, status),
        ...facts.map((acquisition) => ({
          name: acquisition.name,
          columns: acquisitionColumns(acquisition),
          defaultIntervalMs: 500,
          minIntervalMs: 50,
          maxIntervalMs: 10_000,
        })),
      ],
      resource: item.resource_string ?? '',
      isConnected: isConnected && status?.connected !== false,
      status: {
        ...(item.connection_type === undefined ? {} : { connection: item.connection_type }),
        ...(status?.error_message === undefined ? {} : { error: status.error_message }),
        ...(owner === undefined || owner === '' ? {} : { lock: owner }),
      },
    };
  }
}
