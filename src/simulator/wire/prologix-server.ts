import { setTimeout as sleep } from 'node:timers/promises';
import type { GpibAddress } from '../../core/resource-shape.ts';
import { type HostLine, HostLines, UNRECOGNIZED } from '../../protocol/prologix.ts';
import type { Accept, DeviceConnection, DeviceWire } from './device-wire.ts';
import { type BusInstrument, GpibBus, type Listener } from './gpib-bus.ts';
import {
  EOS_BYTES,
  FACTORY,
  isSetting,
  type Personality,
  type PrologixSettings,
  parseAddress,
  type SettingName,
  settingValue,
  VERSIONS,
  wholeNumber,
} from './prologix-settings.ts';
import { openSocketServer, type SocketServer } from './socket-server.ts';

/** What the adapter does beside its duty; may be changed at any time. */
export interface PrologixKnobs {
  /** Bytes per second on the bus, both ways; 0: as fast as the line takes them. A real GPIB-ETHERNET does some 100 kB/s. */
  bytesPerSecond: number;
  /**
   * What a command does that comes while an instrument talks: it waits until the read has ended, or it ends the read. The manual does not say;
   * AR488 waits.
   */
  whileReading: 'wait' | 'stop';
}

export interface PrologixOptions {
  instruments: readonly BusInstrument[];
  personality?: Personality;
  knobs?: Partial<PrologixKnobs>;
  /** AR488 boards reset when the port opens: so long they hear nothing, and say boot noise. Default 0. */
  bootMs?: number;
}

export interface PrologixAdapter {
  readonly accept: Accept;
  readonly knobs: PrologixKnobs;
  /** As `++…` would tell them; with `savecfg` 1 each change writes the EEPROM. */
  readonly settings: Readonly<PrologixSettings>;
  readonly eepromWrites: number;
}

/** A message for an instrument may be so long; the rest of a longer one is thrown away. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** Lines that wait behind a read before the host is not listened to any more. */
const MAX_WAITING_LINES = 64;
const PIECE_BYTES = 16 * 1024;
const TICKS_PER_S = 50;

/** An adapter with instruments on its bus, for one host at a time: a new one takes it over, the old one is cut off. */
export function createPrologixAdapter(options: PrologixOptions): PrologixAdapter {
  const state = new AdapterState(options);
  let current: DeviceWire | undefined;
  return {
    knobs: state.knobs,
    settings: state.settings,
    get eepromWrites() {
      return state.eepromWrites;
    },
    accept(wire) {
      current?.cut();
      current = wire;
      return new PrologixConnection(wire, state);
    },
  };
}

/** Serves the adapter at a port (Prologix: 1234; 0: any free one) of `host`, default 127.0.0.1. Throws `simulator.failed`. */
export function openPrologixServer(port: number, adapter: PrologixAdapter, host?: string): Promise<SocketServer> {
  return openSocketServer(port, adapter.accept, host);
}

/** What outlives a connection. */
class AdapterState {
  readonly personality: Personality;
  readonly knobs: PrologixKnobs;
  readonly settings: PrologixSettings = { ...FACTORY };
  readonly instruments: readonly BusInstrument[];
  readonly bootMs: number;
  address: GpibAddress = { primary: 4 };
  eepromWrites = 0;

  constructor({ instruments, personality = 'prologix', knobs = {}, bootMs = 0 }: PrologixOptions) {
    this.instruments = instruments;
    this.personality = personality;
    this.bootMs = bootMs;
    this.knobs = { bytesPerSecond: 0, whileReading: 'wait', ...knobs };
  }

  reset(): void {
    Object.assign(this.settings, FACTORY);
    this.address = { primary: 4 };
  }
}

class PrologixConnection implements DeviceConnection {
  readonly #wire: DeviceWire;
  readonly #state: AdapterState;
  readonly #bus: GpibBus;
  readonly #input = new HostLines(MAX_LINE_BYTES);
  readonly #gone = new AbortController();
  /** Ends the read under way. */
  #reading: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isBooting: boolean;

  constructor(wire: DeviceWire, state: AdapterState) {
    this.#wire = wire;
    this.#state = state;
    this.#bus = new GpibBus(state.instruments, () => wire.cut());
    this.#isBooting = state.bootMs > 0;
    if (this.#isBooting) void this.#boot();
  }

  async receive(bytes: Uint8Array): Promise<void> {
    if (this.#isBooting) return;
    // Nothing is buffered: what the bus does not take, the host cannot send.
    const rate = this.#state.knobs.bytesPerSecond;
    if (rate > 0) await this.#pause((bytes.length / rate) * 1000);
    for (const line of this.#input.push(bytes)) {
      if (this.#state.knobs.whileReading === 'stop') this.#reading?.abort();
      this.#waiting++;
      this.#running = this.#running.then(() => this.#run(line));
      const mustWait = this.#state.knobs.whileReading === 'wait' || this.#waiting > MAX_WAITING_LINES;
      if (mustWait) await this.#running;
    }
  }

  closed(): void {
    this.#gone.abort();
    this.#reading?.abort();
    this.#bus.closed();
  }

  async #boot(): Promise<void> {
    this.#state.reset();
    await this.#wire.send(Uint8Array.of(0xf0, 0x00, 0x7e, 0x0d, 0x0a, 0xff));
    await sleep(this.#state.bootMs, undefined, { signal: this.#gone.signal }).catch(() => {});
    this.#isBooting = false;
  }

  async #run(line: HostLine): Promise<void> {
    this.#waiting--;
    if (this.#gone.signal.aborted) return;
    if (line.kind === 'data') await this.#talk(line.bytes);
    else if (!(await this.#command(line.name, line.args))) await this.#say(UNRECOGNIZED);
  }

  /** Data for the instrument. Where nobody listens it is lost. */
  async #talk(bytes: Uint8Array): Promise<void> {
    const { settings, address } = this.#state;
    const listener = settings.mode === 1 ? this.#bus.at(address) : undefined;
    if (listener) {
      this.#bus.address(listener);
      await listener.connection.write(join(bytes, EOS_BYTES[settings.eos] ?? []), settings.eoi === 1);
    }
    if (settings.auto === 1) await this.#read(undefined);
  }

  /** False: no such command, or not with these arguments. */
  async #command(name: string, args: string[]): Promise<boolean> {
    if (isSetting(name)) return this.#setting(name, args);
    const state = this.#state;
    const listener = this.#bus.at(state.address);
    switch (name) {
      case 'addr':
        return this.#addr(args);
      case 'clr':
        listener?.connection.clear();
        return args.length === 0;
      case 'loc':
        if (listener) this.#bus.toLocal(listener);
        return args.length === 0;
      case 'llo':
        listener?.connection.remoteLocal('lockout');
        return args.length === 0;
      case 'ifc':
        return args.length === 0;
      case 'trg':
        return this.#trg(args);
      case 'read':
        return this.#readCommand(args);
      case 'spoll':
        return this.#spoll(args);
      case 'srq':
        await this.#say(this.#bus.isServiceRequested ? '1' : '0');
        return true;
      case 'ver':
        await this.#say(VERSIONS[state.personality]);
        return true;
      case 'rst':
        state.reset();
        this.#wire.cut();
        return true;
      default:
        return false;
    }
  }

  async #setting(name: SettingName, args: string[]): Promise<boolean> {
    const { settings, personality } = this.#state;
    // AR488: ++savecfg is an order to write the EEPROM, whatever follows.
    if (personality === 'ar488' && name === 'savecfg') {
      this.#state.eepromWrites++;
      return true;
    }
    if (args.length === 0) {
      await this.#say(String(settings[name]));
      return true;
    }
    const value = args.length === 1 ? settingValue(name, args[0] ?? '', personality) : undefined;
    if (value === undefined) return false;
    settings[name] = value;
    if (personality === 'prologix' && settings.savecfg === 1) this.#state.eepromWrites++;
    return true;
  }

  async #addr(args: string[]): Promise<boolean> {
    const { address } = this.#state;
    if (args.length === 0) {
      await this.#say(
        address.secondary === undefined ? String(address.primary) : `${address.primary} ${address.secondary + 96}`,
      );
      return true;
    }
    const wanted = parseAddress(args);
    if (wanted) this.#state.address = wanted;
    return wanted !== undefined;
  }

  #trg(args: string[]): boolean {
    const wanted = args.length === 0 ? [this.#state.address] : [parseAddress(args)];
    for (const address of wanted) {
      if (!address) return false;
      this.#bus.at(address)?.connection.trigger();
    }
    return true;
  }

  /** Nobody at the address: nothing is said, after the timeout. */
  async #spoll(args: string[]): Promise<boolean> {
    const address = args.length === 0 ? this.#state.address : parseAddress(args);
    if (!address) return false;
    const listener = this.#bus.at(address);
    if (listener) await this.#say(String(this.#bus.poll(listener)));
    else await this.#pause(this.#state.settings.read_tmo_ms);
    return true;
  }

  async #readCommand(args: string[]): Promise<boolean> {
    if (args.length > 1) return false;
    const [until] = args;
    const character = until === undefined || until === 'eoi' ? undefined : wholeNumber(until, 0, 255);
    if (until !== undefined && until !== 'eoi' && character === undefined) return false;
    await this.#read(character);
    return true;
  }

  /** Passes on what the instrument says, up to EOI, the character, or a pause of `++read_tmo_ms`. */
  async #read(termChar: number | undefined): Promise<void> {
    const { settings, address } = this.#state;
    const listener = this.#bus.at(address);
    const reading = new AbortController();
    this.#reading = reading;
    try {
      if (listener) await this.#pass(listener, termChar, reading.signal);
      else await sleep(settings.read_tmo_ms, undefined, { signal: reading.signal }).catch(() => {});
    } finally {
      this.#reading = undefined;
    }
  }

  async #pass(listener: Listener, termChar: number | undefined, stop: AbortSignal): Promise<void> {
    const { settings } = this.#state;
    while (!stop.aborted) {
      const rate = this.#state.knobs.bytesPerSecond;
      const max = rate > 0 ? Math.max(1, Math.round(rate / TICKS_PER_S)) : PIECE_BYTES;
      // Not AbortSignal.timeout: nothing would hold it, and collected it never comes.
      const limit = new AbortController();
      const timer = setTimeout(() => limit.abort(), settings.read_tmo_ms);
      const signal = AbortSignal.any([limit.signal, stop]);
      const part = await listener.connection.read({ max, termChar, signal }).catch(() => undefined);
      clearTimeout(timer);
      if (!part) return;
      const eot = part.end && settings.eot_enable === 1 ? this.#eot() : [];
      await this.#wire.send(join(part.bytes, eot));
      if (rate > 0) await this.#pause((part.bytes.length / rate) * 1000);
      if (part.end || part.isTermChar) return;
    }
  }

  /** AR488 prints the number of the character, not the character (since it holds it as an unsigned byte). */
  #eot(): readonly number[] {
    const { settings, personality } = this.#state;
    return personality === 'ar488' ? [...Buffer.from(String(settings.eot_char))] : [settings.eot_char];
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#gone.signal }).catch(() => {});
  }

  /** Answers of the adapter itself end with CR LF. */
  async #say(text: string): Promise<void> {
    await this.#wire.send(Buffer.from(`${text}\r\n`, 'latin1'));
  }
}

function join(bytes: Uint8Array, terminator: readonly number[]): Uint8Array {
  if (terminator.length === 0) return bytes;
  const both = new Uint8Array(bytes.length + terminator.length);
  both.set(bytes);
  both.set(terminator, bytes.length);
  return both;
}
