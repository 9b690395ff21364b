import { ServerDate } from './python-json.ts';
import type { ServerTime } from './server-time.ts';

/** What the server's driver objects say when a command is wrong: 200 with success:false. */
export class DriverError extends Error {}

export interface DeviceWorld {
  time: ServerTime;
  /** Waits ms times the factor of the server. */
  pause(ms: number): Promise<void>;
  /** 0 … 1 */
  random(): number;
}

export type Parameters = Record<string, unknown>;

/** A mock instrument of the server (lablink protocol, section 4). */
export interface Device {
  readonly type: 'power_supply' | 'electronic_load' | 'oscilloscope';
  readonly model: string;
  readonly firmware: string;
  readonly connection: string;
  readonly capabilities: Record<string, unknown>;
  command(action: string, parameters: Parameters): Promise<unknown>;
  /** Absent where the driver has none. */
  readings?(channel: number): Promise<Record<string, unknown>>;
  measurements?(channel: number): Promise<Record<string, unknown>>;
  waveform?(channel: number): Promise<Record<string, unknown>>;
  samples?(channel: number): Promise<Record<string, unknown>>;
  /** Of an acquisition; NaN: no such channel. */
  sample(channel: string): Promise<number>;
  /** What the shipped emergency stop and disconnect do: channel 1 only. */
  off(): Promise<void>;
}

export function createDevice(model: string, id: string, world: DeviceWorld): Device | undefined {
  if (/PSU|^BK|DP8/.test(model)) return new MockSupply(model, id, world);
  if (/Load|DL30/.test(model)) return new MockLoad(model, id, world);
  if (/Scope|MSO|DS1/.test(model)) return new MockScope(model, id, world);
  return undefined;
}

function numberOf(parameters: Parameters, key: string, fallback?: number): number {
  const value = parameters[key] ?? fallback;
  if (typeof value !== 'number') throw new DriverError(`missing parameter '${key}'`);
  return value;
}

interface SupplyChannel {
  voltage: number;
  current: number;
  output: boolean;
  max: number;
}

class MockSupply implements Device {
  readonly type = 'power_supply';
  readonly firmware = 'v2.1.0-mock';
  readonly connection = 'usb';
  readonly model: string;
  readonly #id: string;
  readonly #world: DeviceWorld;
  readonly channels: SupplyChannel[] = [30, 30, 5].map((max) => ({ voltage: 0, current: 1, output: false, max }));

  constructor(model: string, id: string, world: DeviceWorld) {
    this.model = model;
    this.#id = id;
    this.#world = world;
    // Real drivers: numbers, and as many channels as the model has.
    if (model !== 'MockPSU-3030') this.channels.length = /913\d/.test(model) ? 3 : 1;
  }

  get capabilities(): Record<string, unknown> {
    if (this.model !== 'MockPSU-3030') return { num_channels: this.channels.length, max_voltage: 30, max_current: 3 };
    const of = (max: number) => ({ max_voltage: `${max}.0V`, max_current: '3.0A' });
    return { num_channels: 3, ...of(30), channels: { ch1: of(30), ch2: of(30), ch3: of(5) } };
  }

  #channel(parameters: Parameters): SupplyChannel {
    const number = numberOf(parameters, 'channel', 1);
    const channel = this.channels[number - 1];
    if (!channel) throw new DriverError(`Invalid channel ${number}`);
    return channel;
  }

  async command(action: string, parameters: Parameters): Promise<unknown> {
    switch (action) {
      case 'set_voltage': {
        const channel = this.#channel(parameters);
        const voltage = numberOf(parameters, 'voltage');
        if (voltage < 0 || voltage > channel.max)
          throw new DriverError(`Voltage must be between 0 and ${channel.max}.0V`);
        await this.#world.pause(20);
        channel.voltage = voltage;
        return null;
      }
      case 'set_current': {
        const channel = this.#channel(parameters);
        const current = numberOf(parameters, 'current');
        if (current < 0 || current > 3) throw new DriverError('Current must be between 0 and 3.0A');
        await this.#world.pause(20);
        channel.current = current;
        return null;
      }
      case 'set_output': {
        const channel = this.#channel(parameters);
        await this.#world.pause(50);
        channel.output = parameters.enabled === true;
        return null;
      }
      case 'get_readings':
        return this.readings(numberOf(parameters, 'channel', 1));
      case 'get_setpoints': {
        const { voltage, current } = this.#channel(parameters);
        return { voltage, current };
      }
      default:
        throw new DriverError(`Unknown command: ${action}`);
    }
  }

  async readings(number: number): Promise<Record<string, unknown>> {
    const channel = this.#channel({ channel: number });
    await this.#world.pause(10);
    const noise = (this.#world.random() - 0.5) * 0.005;
    const limited = channel.output && channel.voltage / 10 > channel.current;
    const current = channel.output ? Math.min(channel.voltage / 10, channel.current) : 0;
    return {
      equipment_id: this.#id,
      timestamp: new ServerDate(this.#world.time.naive()),
      channel: number,
      voltage_set: channel.voltage,
      current_set: channel.current,
      voltage_actual: channel.output ? current * 10 + noise : 0,
      current_actual: channel.output ? current + noise / 10 : 0,
      output_enabled: channel.output,
      in_cv_mode: channel.output && !limited,
      in_cc_mode: limited,
    };
  }

  async sample(name: string): Promise<number> {
    const number = Number(/^CH(\d+)$/.exec(name)?.[1]);
    if (!this.channels[number - 1]) return Number.NaN;
    return (await this.readings(number)).voltage_actual as number;
  }

  async off(): Promise<void> {
    await this.command('set_output', { enabled: false });
  }
}

class MockLoad implements Device {
  readonly type = 'electronic_load';
  readonly firmware = 'v1.5.0-mock';
  readonly connection = 'usb';
  readonly model: string;
  readonly capabilities = { max_voltage: 120, max_current: 30, max_power: 300, modes: ['CC', 'CV', 'CR', 'CP'] };
  readonly #id: string;
  readonly #world: DeviceWorld;
  mode = 'CC';
  readonly setpoints: Record<string, number> = { CC: 0, CV: 0, CR: 10, CP: 0 };
  input = false;

  constructor(model: string, id: string, world: DeviceWorld) {
    this.model = model;
    this.#id = id;
    this.#world = world;
  }

  async command(action: string, parameters: Parameters): Promise<unknown> {
    const level = /^set_(current|voltage|resistance|power)$/.exec(action)?.[1];
    if (level) {
      await this.#world.pause(20);
      const mode = { current: 'CC', voltage: 'CV', resistance: 'CR', power: 'CP' }[level] ?? 'CC';
      const value = numberOf(parameters, level);
      if (mode === 'CC' && value > 30) throw new DriverError('Current must be between 0 and 30.0A');
      this.setpoints[mode] = value;
      return null;
    }
    switch (action) {
      case 'set_mode':
        if (!['CC', 'CV', 'CR', 'CP'].includes(String(parameters.mode)))
          throw new DriverError(`Invalid mode: ${String(parameters.mode)}`);
        await this.#world.pause(20);
        this.mode = String(parameters.mode);
        return null;
      case 'set_input':
        await this.#world.pause(50);
        this.input = parameters.enabled === true;
        return null;
      case 'get_readings':
        return this.readings();
      default:
        throw new DriverError(`Unknown command: ${action}`);
    }
  }

  async readings(): Promise<Record<string, unknown>> {
    await this.#world.pause(10);
    const current = this.input && this.mode === 'CC' ? (this.setpoints.CC ?? 0) : 0;
    const voltage = this.input ? 12 - 0.1 * current : this.#world.random() * 0.001;
    return {
      equipment_id: this.#id,
      timestamp: new ServerDate(this.#world.time.naive()),
      mode: this.mode,
      setpoint: this.setpoints[this.mode] ?? 0,
      voltage,
      current,
      power: voltage * current,
      load_enabled: this.input,
    };
  }

  async sample(name: string): Promise<number> {
    return name === 'CH1' ? ((await this.readings()).current as number) : Number.NaN;
  }

  async off(): Promise<void> {
    await this.command('set_input', { enabled: false });
  }
}

class MockScope implements Device {
  readonly type = 'oscilloscope';
  readonly firmware = 'v1.0.0-mock';
  readonly connection = 'ethernet';
  readonly model: string;
  readonly capabilities = {
    num_channels: 4,
    bandwidth: '200MHz',
    sample_rate: '1GSa/s',
    memory_depth: '1000pts',
    waveform_types: ['sine', 'square', 'triangle', 'noise'],
  };
  readonly #id: string;
  readonly #world: DeviceWorld;

  constructor(model: string, id: string, world: DeviceWorld) {
    this.model = model;
    this.#id = id;
    this.#world = world;
  }

  async command(action: string, parameters: Parameters): Promise<unknown> {
    switch (action) {
      case 'get_measurements':
        return this.measurements();
      case 'get_waveform':
        return this.waveform(numberOf(parameters, 'channel', 1));
      case 'autoscale':
        await this.#world.pause(500);
        return null;
      case 'set_timebase':
      case 'set_channel':
      case 'trigger_single':
      case 'trigger_run':
      case 'trigger_stop':
        await this.#world.pause(10);
        return null;
      default:
        throw new DriverError(`Unknown command: ${action}`);
    }
  }

  async measurements(): Promise<Record<string, unknown>> {
    await this.#world.pause(100);
    const noise = this.#world.random() * 0.02;
    return {
      vpp: 0.12 + noise,
      vmax: 0.07 + noise / 2,
      vmin: -0.05 - noise / 2,
      vavg: 0.006,
      vrms: 0.021,
      freq: 1000,
      period: 0.001,
    };
  }

  async waveform(channel: number): Promise<Record<string, unknown>> {
    await this.#world.pause(50);
    return {
      equipment_id: this.#id,
      channel,
      timestamp: new ServerDate(this.#world.time.naive()),
      sample_rate: 1e9,
      time_scale: 0.001,
      voltage_scale: 1,
      voltage_offset: 0,
      num_samples: 1000,
      data_id: 'waveform_e1c8796b',
    };
  }

  async samples(channel: number): Promise<Record<string, unknown>> {
    const head = await this.waveform(channel);
    await this.#world.pause(60);
    const time = Array.from({ length: 1000 }, (_, index) => index * 1e-9);
    const voltage = time.map((t) => 0.06 * Math.sin(2 * Math.PI * 1000 * t) + (this.#world.random() - 0.5) * 0.01);
    return { ...head, time_data: time, voltage_data: voltage, trigger_time: 0, pre_trigger_samples: 0 };
  }

  async sample(name: string): Promise<number> {
    return /^CH[1-4]$/.test(name) ? 0.06 * (this.#world.random() - 0.5) : Number.NaN;
  }

  async off(): Promise<void> {}
}
