import type { WebSocket } from 'ws';
import { AcquisitionBook } from './acquisition-book.ts';
import { AlarmBook } from './alarm-book.ts';
import { BasicSocket } from './basic-socket.ts';
import { DeviceManager } from './device-manager.ts';
import type { DeviceWorld } from './devices.ts';
import { EnhancedSocket } from './enhanced-socket.ts';
import { LockBook } from './lock-book.ts';
import type { LabLinkMode, LabLinkOptions } from './mode.ts';
import { hasOneManager, sendsDates } from './mode.ts';
import { SecurityDesk } from './security-desk.ts';
import { ServerTime } from './server-time.ts';

/** All state of one run of the server; a restart begins with a new one. */
export class LabLinkWorld {
  readonly options: LabLinkOptions;
  readonly mode: LabLinkMode;
  readonly time: ServerTime;
  /** What REST sees, and what the sockets, /health and /api/waveform see: the same, but not as shipped. */
  readonly restDevices: DeviceManager;
  readonly mainDevices: DeviceManager;
  readonly locks: LockBook;
  readonly alarms: AlarmBook;
  /** Of REST, and of the sockets. */
  readonly acquisitions: AcquisitionBook;
  readonly socketAcquisitions: AcquisitionBook;
  readonly security: SecurityDesk;
  readonly basic: BasicSocket;
  readonly enhanced: EnhancedSocket;
  /** undefined until the first activation: the status call fails before. */
  stopTime: string | undefined;
  isStopped = false;
  /** The answer about the stop waits for this. */
  holdSafetyStatus: (() => Promise<void>) | undefined;
  readonly jobs = new Map<string, Record<string, unknown>>();
  readonly profiles = new Map<string, Record<string, unknown>>();
  /** Asked of every answer before it is given; tests put faults here. */
  fault: ((method: string, path: string) => 'reset' | 'hang' | number | undefined) | undefined;
  /** Every request, for tests. */
  readonly requests: { method: string; path: string; status: number; body: unknown }[] = [];
  readonly openSockets = new Set<WebSocket>();

  constructor(options: LabLinkOptions) {
    this.options = options;
    this.mode = options.mode ?? 'fixed';
    this.time = new ServerTime(options.zoneMinutes ?? 0, options.clockErrorMs ?? 0);
    const delays = options.delays ?? 1;
    let seed = 12345;
    const world: DeviceWorld = {
      time: this.time,
      pause: (ms) =>
        ms * delays === 0 ? Promise.resolve() : new Promise((done) => void setTimeout(done, ms * delays)),
      random: () => {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        return seed / 2147483648;
      },
    };
    this.mainDevices = new DeviceManager(world);
    this.restDevices = hasOneManager(this.mode) ? this.mainDevices : new DeviceManager(world);
    if (options.mocks ?? true) this.mainDevices.registerMocks();
    this.locks = new LockBook(this.time, options.lockSeconds);
    this.acquisitions = new AcquisitionBook(this.restDevices, this.time);
    this.socketAcquisitions = hasOneManager(this.mode)
      ? this.acquisitions
      : new AcquisitionBook(this.mainDevices, this.time);
    this.security = new SecurityDesk(this.time, options.mfa, options.accessTtlMs ?? 1_800_000);
    this.basic = new BasicSocket(this.mainDevices, this.socketAcquisitions, sendsDates(this.mode));
    this.enhanced = new EnhancedSocket(this.mainDevices, this.acquisitions, sendsDates(this.mode), this.time);
    this.alarms = new AlarmBook(this.time, (message) => this.basic.broadcast(message), hasOneManager(this.mode));
    for (const [name, type, settings] of PROFILES)
      this.profiles.set(name, { name, description: null, equipment_type: type, model: 'generic', settings, tags: [] });
  }

  close(): void {
    this.acquisitions.close();
    this.socketAcquisitions.close();
    this.basic.stopAll();
    this.enhanced.close();
  }
}

const PROFILES: [string, string, Record<string, unknown>][] = [
  ['Electronic Load - Battery Test', 'electronic_load', { mode: 'CC', current: 1, load_enabled: false }],
  ['Power Supply - 5V Logic', 'power_supply', { voltage: 5, current: 1, output_enabled: false }],
];
