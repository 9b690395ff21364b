import { createHash } from 'node:crypto';
import type { Device, DeviceWorld } from './devices.ts';
import { createDevice } from './devices.ts';

export interface Registered {
  id: string;
  resource: string;
  serial: string;
  device: Device;
}

const PREFIX = { power_supply: 'ps_', electronic_load: 'load_', oscilloscope: 'scope_' } as const;

/** One set of connected instruments; as shipped the server has two of these, each unaware of the other. */
export class DeviceManager {
  readonly devices = new Map<string, Registered>();
  readonly #world: DeviceWorld;

  constructor(world: DeviceWorld) {
    this.#world = world;
  }

  /** Connecting what is connected replaces it: its state is lost. undefined: no driver has that model. */
  connect(resource: string, model: string): Registered | undefined {
    const hash = createHash('sha256').update(resource).digest('hex').slice(0, 8);
    const probe = createDevice(model, '', this.#world);
    if (!probe) return undefined;
    const id = `${PREFIX[probe.type]}${hash}`;
    const device = createDevice(model, id, this.#world) as Device;
    const serial = `MOCK${Math.floor(this.#world.random() * 0xffffffff)
      .toString(16)
      .toUpperCase()}`;
    const registered = { id, resource, serial, device };
    this.devices.set(id, registered);
    return registered;
  }

  registerMocks(): void {
    this.connect('MOCK::SCOPE::0', 'MockScope-2000');
    this.connect('MOCK::PSU::0', 'MockPSU-3030');
    this.connect('MOCK::LOAD::0', 'MockLoad-300');
  }

  list(): unknown[] {
    return [...this.devices.values()].map(({ id, resource, serial, device }) => ({
      id,
      type: device.type,
      manufacturer: 'Mock Instruments',
      model: device.model,
      serial_number: serial,
      connection_type: device.connection,
      resource_string: resource,
      nickname: null,
    }));
  }
}
