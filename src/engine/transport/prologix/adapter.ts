import { createDeferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import type { GpibAddress } from '../../../core/resource-shape.ts';
import {
  type AdapterVersion,
  addressArguments,
  addressCommand,
  encodeCommands,
  parseStatusByte,
  parseVersion,
} from '../../../protocol/prologix.ts';
import { EOT } from '../../../protocol/prologix-reply.ts';
import type { Transport } from '../transport.ts';
import { AdapterLine } from './adapter-line.ts';
import { AdapterLock } from './adapter-lock.ts';

/** What the adapter waits for one character of an instrument (`++read_tmo_ms`), ms; each question of ours behind a read adds up to STEPS. */
const READ_TIMEOUT_MS = 256;
/** Different answers the adapter can be asked for: each is a value of `++read_tmo_ms`, which no status byte (0…255) can be. */
const STEPS = 64;
/** How long the adapter may take for a command of its own, beside what a read under way still needs. */
const COMMAND_MS = 3000;
/** A transfer that goes on for so long after a device clear does not listen: the connection is made anew. */
const INTERRUPT_MS = 100;
/** Fewer bytes than this before an urgent message are with the instrument soon. */
const AHEAD_BYTES = 1024;
/** Wait for an instrument that may not be there; a serial poll takes under 1 ms. */
const QUICK_POLL_MS = 60;
/** Tries to hear `++ver`: boards that reset when the port opens need about two seconds. */
const VERSION_TRIES = { tcp: 1, serial: 6 };
const VERSION_MS = { tcp: 1500, serial: 700 };

export interface AdapterParts {
  resource: string;
  isSerial: boolean;
  open(signal?: AbortSignal): Promise<Transport>;
  signal?: AbortSignal | undefined;
}

/** A question to the adapter whose answer was never given before. */
export interface Marker {
  commands: string[];
  answer: string;
}

/**
 * One adapter: the line to it, whose turn it is (`lock`), and how to be in step with it. Everything but `acquire` of the lock is done by whoever
 * holds the lock.
 *
 *                  transaction ends cleanly
 *     in step ◀────────────────────────────── transaction
 *        │ stray bytes, a read given up           │
 *        ▼                                        ▼
 *     out of step: a marker is asked, all bytes before its answer are dropped ──▶ in step
 */
export class Adapter implements AsyncDisposable {
  readonly resource: string;
  readonly lock = new AdapterLock();
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly #parts: AdapterParts;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  #line: AdapterLine;
  #version: AdapterVersion = { kind: 'other', text: '' };
  #isInStep = true;
  #step = 0;
  #isReopening = false;
  /** What `++addr` is set to. */
  #address = '';
  #ended: LabError | undefined;

  private constructor(parts: AdapterParts, transport: Transport) {
    this.#parts = parts;
    this.resource = parts.resource;
    this.closed = this.#closed.promise;
    this.#line = this.#wrap(transport);
  }

  /** Opens the line, asks who is there and sets it up. Throws the errors of the way, `instrument.silent` when no adapter answers. */
  static async open(parts: AdapterParts): Promise<Adapter> {
    const adapter = new Adapter(parts, await parts.open(parts.signal));
    try {
      adapter.#version = await adapter.#identify();
      await adapter.#prepare();
      adapter.#watch();
      return adapter;
    } catch (error) {
      await adapter.#line[Symbol.asyncDispose]();
      throw error;
    }
  }

  get version(): AdapterVersion {
    return this.#version;
  }

  get line(): AdapterLine {
    return this.#line;
  }

  /** Reads nothing from the line while it waits for an instrument (its firmware): a question may be sent along with a read. */
  get isEager(): boolean {
    return this.#version.kind === 'ar488';
  }

  /** Longest silence inside a read before it has surely ended, ms. */
  get readMs(): number {
    return READ_TIMEOUT_MS + STEPS + 100;
  }

  /** A transaction may start at once. */
  get isInStep(): boolean {
    return this.#isInStep && !this.#line.hasUnread;
  }

  /** Why it ended; undefined while it has not. */
  get ended(): LabError | undefined {
    return this.#ended;
  }

  /** A read was given up, or bytes came that nobody asked for: the next transaction starts by being in step again. */
  lose(): void {
    this.#isInStep = false;
  }

  nextMarker(): Marker {
    this.#step = (this.#step + 1) % STEPS;
    const answer = String(READ_TIMEOUT_MS + this.#step);
    return { commands: [`++read_tmo_ms ${answer}`, '++read_tmo_ms'], answer };
  }

  /** `++addr`, unless it is set to this already. */
  addressing(address: GpibAddress): string[] {
    const wanted = addressArguments(address);
    if (wanted === this.#address) return [];
    this.#address = wanted;
    return [addressCommand(address)];
  }

  /** Before a transaction. Throws what ended the line, `transport.timeout` when the adapter does not answer. */
  async beInStep(signal?: AbortSignal): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (this.isInStep) return;
    this.#isInStep = false;
    const marker = this.nextMarker();
    await this.#line.send(encodeCommands(...marker.commands));
    if (!(await this.#dropUntil(marker.answer, { silenceMs: COMMAND_MS, signal }))) throw this.#silent();
    this.#isInStep = true;
  }

  /** Commands of the adapter; what it answers, by line. Throws `transport.timeout` when it does not answer at all. */
  async ask(
    commands: readonly string[],
    options: { ms?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<string[]> {
    await this.beInStep(options.signal);
    const marker = this.nextMarker();
    this.#isInStep = false;
    await this.#line.send(encodeCommands(...commands, ...marker.commands));
    let text = '';
    while (!text.endsWith(`${marker.answer}\r\n`) || !/(^|\n)\d+\r\n$/.test(text)) {
      const chunk = await this.#line.next({ timeoutMs: options.ms ?? COMMAND_MS, signal: options.signal });
      if (!chunk) throw this.#silent();
      text = (text + String.fromCharCode(...chunk.subarray(0, 4096))).slice(-8192);
    }
    this.#isInStep = true;
    return text.split('\r\n').slice(0, -2);
  }

  /** Serial poll; undefined when nobody answers at this address. `isQuick`: for looking around, where most do not. */
  async statusByte(
    address: GpibAddress,
    { signal, isQuick = false }: { signal?: AbortSignal | undefined; isQuick?: boolean } = {},
  ): Promise<number | undefined> {
    const poll = `++spoll ${addressArguments(address)}`;
    // The marker behind it sets the time back.
    const lines = await this.ask(isQuick ? [`++read_tmo_ms ${QUICK_POLL_MS}`, poll] : [poll], { signal });
    return lines.map(parseStatusByte).find((byte) => byte !== undefined);
  }

  /** The SRQ line of the bus. */
  async isServiceRequested(): Promise<boolean> {
    return (await this.ask(['++srq'])).includes('1');
  }

  /**
   * Selected device clear of one instrument, whatever the adapter is doing. If a transfer goes on all the same, or bytes for the instrument are
   * stuck in the line (`isStuck`), the connection is made anew, which ends it. Throws what ended the line.
   */
  async interrupt(address: GpibAddress, { isStuck = false } = {}): Promise<void> {
    if (this.#ended) throw this.#ended;
    this.#isInStep = false;
    this.#address = addressArguments(address);
    const clear = [addressCommand(address), '++clr'];
    // A read of a silent instrument ends by its own timeout; one that keeps bytes coming does not.
    if (!isStuck && (await this.#isHeard(clear, { silenceMs: this.readMs, floodMs: INTERRUPT_MS }))) return;
    await this.#reopen();
    await this.ask(clear);
    this.#address = addressArguments(address);
  }

  /**
   * Before an urgent message. What was sent before it and the adapter does not take soon is thrown away, with a device clear of the instrument it was
   * for: the system has room for megabytes, minutes of a slow bus. Throws what ended the line.
   */
  async overtake(): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (this.#line.unansweredBytes < AHEAD_BYTES) return;
    const address = this.#address;
    // A new connection resets boards on a serial port: there waiting is sooner done.
    if (await this.#isHeard([], { silenceMs: this.#parts.isSerial ? this.readMs : INTERRUPT_MS })) return;
    await this.#reopen();
    if (address === '') return;
    await this.ask([`++addr ${address}`, '++clr']);
    this.#address = address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end(closedHere(this.resource));
    await this.#line[Symbol.asyncDispose]();
  }

  /** The adapter is of no use any more. */
  end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.lock.end(error);
    this.#line.breakOff(error);
    this.#closed.resolve({ code: error.code, message: error.message });
  }

  /** Whether it takes these commands within that time; in step if it does. */
  async #isHeard(commands: string[], limits: { silenceMs: number; floodMs?: number }): Promise<boolean> {
    const marker = this.nextMarker();
    this.#isInStep = false;
    // A full line does not take them; why it ended is told by what comes.
    this.#line.send(encodeCommands(...commands, ...marker.commands)).catch(() => {});
    this.#isInStep = await this.#dropUntil(marker.answer, limits);
    return this.#isInStep;
  }

  /** Drops bytes up to the answer; false when it did not come in time. */
  async #dropUntil(
    answer: string,
    limits: { silenceMs: number; floodMs?: number; signal?: AbortSignal | undefined },
  ): Promise<boolean> {
    const wanted = `${answer}\r\n`;
    const startMs = performance.now();
    let tail = '';
    for (;;) {
      const chunk = await this.#line.next({ timeoutMs: limits.silenceMs, signal: limits.signal });
      if (!chunk) return false;
      tail = (tail + String.fromCharCode(...chunk.subarray(-16))).slice(-16);
      if (tail.endsWith(wanted)) return true;
      if (limits.floodMs !== undefined && performance.now() - startMs > limits.floodMs) return false;
    }
  }

  /** A new connection evicts the old one, and what is stuck in it; a serial port must be closed first. */
  async #reopen(): Promise<void> {
    this.#isReopening = true;
    const closed = this.#line[Symbol.asyncDispose]();
    try {
      if (this.#parts.isSerial) await closed;
      const line = this.#wrap(await this.#parts.open());
      this.#line = line;
      if (this.#ended) {
        await line[Symbol.asyncDispose]();
        throw this.#ended;
      }
      if (this.#parts.isSerial) await this.#identify();
      await this.#prepare();
      this.#watch();
    } catch (error) {
      const failure = LabError.from(error);
      this.end(failure);
      throw failure;
    } finally {
      this.#isReopening = false;
    }
  }

  #watch(): void {
    const line = this.#line;
    void line.closed.then(({ code, message }) => {
      if (line === this.#line && !this.#isReopening) this.end(this.#explain(new LabError(code, message)));
    });
  }

  #wrap(transport: Transport): AdapterLine {
    return new AdapterLine(transport, (error) => this.#explain(error));
  }

  #explain(error: LabError): LabError {
    const { resource, isSerial } = this.#parts;
    return isSerial ? error : evicted(resource, error);
  }

  /** Asks who is there; what a board says while it starts is dropped. */
  async #identify(): Promise<AdapterVersion> {
    const way = this.#parts.isSerial ? 'serial' : 'tcp';
    let text = '';
    for (let tries = 0; tries < VERSION_TRIES[way]; tries++) {
      // On a serial line the LF ends what another program left unfinished.
      await this.#line.send(encodeCommands(...(way === 'serial' ? [''] : []), '++ver'));
      const endMs = performance.now() + VERSION_MS[way];
      for (let leftMs = VERSION_MS[way]; leftMs > 0; leftMs = endMs - performance.now()) {
        const chunk = await this.#line.next({ timeoutMs: leftMs, signal: this.#parts.signal });
        if (!chunk) break;
        text = (text + String.fromCharCode(...chunk.subarray(0, 4096))).slice(-4096);
        const line = text
          .split(/\r?\n/)
          .slice(0, -1)
          .findLast((one) => VERSION.test(one));
        if (line !== undefined) {
          this.#isInStep = tries === 0 && way === 'tcp';
          return parseVersion(line);
        }
      }
    }
    throw new LabError(
      'instrument.silent',
      `${this.resource} accepts the connection but does not answer ++ver, so no Prologix or AR488 adapter is there. Nothing is attached. Check the address (serial: the port and its baud rate) and that the adapter has power.`,
      { resource: this.resource },
    );
  }

  /** Controller, no reads by itself, EOI with the last byte, no terminators of its own, end byte after EOI. AR488 would write its EEPROM at ++savecfg. */
  async #prepare(): Promise<void> {
    this.#address = '';
    await this.ask([
      ...(this.#version.kind === 'ar488' ? [] : ['++savecfg 0']),
      '++mode 1',
      '++auto 0',
      '++eoi 1',
      '++eos 3',
      '++eot_enable 1',
      `++eot_char ${EOT}`,
    ]);
  }

  #silent(): LabError {
    this.#isInStep = false;
    return new LabError(
      'transport.timeout',
      `The GPIB adapter ${this.resource} does not answer its own commands. What was asked is not known to be done. If it stays: switch the adapter off and on, and attach again.`,
      { resource: this.resource },
    );
  }
}

/** `Prologix GPIB-ETHERNET Controller version 01.06.06.00`, `AR488 GPIB controller, ver. 0.51.29, …` */
const VERSION = /prologix|ar488|gpib/i;

function closedHere(resource: string): LabError {
  return new LabError('transport.closed', `The connection to the GPIB adapter ${resource} was closed here.`, {
    resource,
  });
}

function evicted(resource: string, error: LabError): LabError {
  return new LabError(
    error.code,
    `The GPIB adapter ${resource} ended the connection. It serves one program at a time: most likely another one connected and took it over; else it lost power or network. ` +
      'What was not answered is lost. Close the other program, then attach again.',
    { resource },
    { cause: error },
  );
}
