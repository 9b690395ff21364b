import type { Clock } from '../../core/clock.ts';
import { DAQ_CHANNELS } from './daq-channel.ts';
import type { DaqLedger } from './daq-ledger.ts';
import type { DaqOutput } from './daq-output.ts';
import type { DaqSettings } from './daq-settings.ts';
import type { DaqStream } from './daq-stream.ts';
import { RowClock } from './row-clock.ts';
import type { Signal } from './signal.ts';

/** Longest line by far: eight values of at most ten characters. */
const ROW_BYTES = 100;
const encoder = new TextEncoder();

/** Sends a line per row, in blocks; what is no row starts with `#` (docs/protocols/daq.md). */
export class TextStream implements DaqStream {
  readonly run: number;
  dropped = 0;
  readonly #channels: number;
  readonly #signal: Signal;
  readonly #output: DaqOutput;
  readonly #ledger: DaqLedger | undefined;
  readonly #rows: RowClock;
  #codes = new Int16Array(0);
  #next = 0;
  /** Dropped and not yet told. */
  #untold = 0;

  constructor(settings: DaqSettings, signal: Signal, output: DaqOutput, ledger: DaqLedger | undefined, clock: Clock) {
    this.run = settings.runs;
    this.#channels = settings.channels;
    this.#signal = signal;
    this.#output = output;
    this.#ledger = ledger;
    this.#rows = new RowClock(clock, settings.rateHz, (rows, missed) => this.#make(rows, missed));
  }

  reply(text: string): void {
    void this.#output.send(encoder.encode(`#reply ${text}\n`));
  }

  end(): void {
    this.#rows.tick();
    void this.#output.send(encoder.encode(`#end ${this.#next}\n`));
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#rows[Symbol.dispose]();
  }

  #make(rows: number, missed: number): void {
    this.#drop(missed);
    this.#signal.look(rows);
    if (!this.#output.hasRoom(rows * ROW_BYTES)) {
      this.#drop(rows);
      return;
    }
    if (this.#codes.length < rows * this.#channels) this.#codes = new Int16Array(rows * this.#channels);
    this.#signal.fill(this.#codes, 0, this.#next, rows, this.#channels);
    const firstRow = this.#next;
    this.#next += rows;
    const lines = this.#lines(rows);
    const bytes = encoder.encode(this.#untold > 0 ? `#lost ${this.#untold}\n${lines}` : lines);
    this.#untold = 0;
    void this.#output.send(bytes).then((went) => went && this.#ledger?.lines(lines, this.run, firstRow));
  }

  #lines(rows: number): string {
    let text = '';
    for (let row = 0; row < rows; row++) {
      for (let index = 0; index < this.#channels; index++) {
        const { scale, offset, decimals } = DAQ_CHANNELS[index] ?? { scale: 1, offset: 0, decimals: 0 };
        const value = (this.#codes[index * rows + row] ?? 0) * scale + offset;
        text += index === 0 ? value.toFixed(decimals) : `,${value.toFixed(decimals)}`;
      }
      text += '\n';
    }
    return text;
  }

  #drop(rows: number): void {
    this.dropped += rows;
    this.#untold += rows;
    this.#next += rows;
  }
}
