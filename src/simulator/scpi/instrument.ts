import type { Identity } from '../../core/instrument.ts';
import { type Command, command, query, type Reply, setting } from './command.ts';
import { CommandTree } from './command-tree.ts';
import { ErrorQueue, SCPI_ERRORS, ScpiError, type ScpiErrorCode } from './error-queue.ts';
import { parseParameters } from './parameter.ts';
import { type ProgramUnit, parseProgramUnit, splitOutsideQuotes } from './program-message.ts';
import { ESR, Status, type StatusGroup } from './status.ts';

export interface ScpiInstrumentOptions {
  identity: Identity;
  commands: readonly Command[];
  /** *RST: every setting to its default, outputs off. */
  reset(): void;
  /** How the empty error queue answers: `0` (Rigol, Siglent) or `+0` (Keysight). */
  noError?: '0' | '+0';
  /** Called before each message: brings the status groups up to date. */
  refresh?(status: Status): void;
  /** Resolves when nothing started before is still running; *OPC? and *WAI wait for it. */
  idle?(): Promise<void>;
}

/**
 * An SCPI instrument: a table of commands on the parser and the status model every SCPI instrument has. It knows no wire:
 *
 *     const instrument = new ScpiInstrument({ identity, commands, reset });
 *     await instrument.execute('SOUR1:VOLT 5;CURR 1;:MEAS:VOLT? CH1')     → ['0.0000']
 *
 * An error ends its unit, goes into the error queue and sets its status bit; later units of the message still run.
 */
export class ScpiInstrument {
  readonly identity: Identity;
  readonly status = new Status();
  readonly errors = new ErrorQueue();
  readonly #tree = new CommandTree<Command>();
  readonly #options: ScpiInstrumentOptions;

  constructor(options: ScpiInstrumentOptions) {
    this.identity = options.identity;
    this.#options = options;
    for (const row of [...options.commands, ...this.#commonCommands()]) this.#tree.add(row.header, row);
  }

  /** IEEE 488.2 10.14.3: `0` stands for a serial number or firmware it does not have. */
  get idn(): string {
    const { maker, model, serial, firmware } = this.identity;
    return [maker, model, serial || '0', firmware || '0'].join(',');
  }

  /** Headers the instrument knows, as its manual prints them. */
  get headers(): readonly string[] {
    return this.#tree.headers;
  }

  /** Notes an error that came from elsewhere than a command (input overrun, a trip). */
  fail(code: ScpiErrorCode): void {
    this.errors.push(code);
    this.status.noteError(code);
  }

  /** Runs one program message (a line without its terminator); gives the replies of its queries in order. Never throws. */
  async execute(message: string): Promise<Reply[]> {
    const replies: Reply[] = [];
    this.#options.refresh?.(this.status);
    let path: string[] = [];
    try {
      for (const text of splitOutsideQuotes(message, ';')) {
        if (text.trim() === '') continue;
        try {
          const unit = parseProgramUnit(text);
          const nodes = unit.isAbsolute || unit.isCommon ? unit.nodes : [...path, ...unit.nodes];
          // SCPI-99 6.2.4: the next header continues beside this one; common commands do not move the path.
          if (!unit.isCommon) path = nodes.slice(0, -1);
          const reply = await this.#run(nodes, unit);
          if (reply !== undefined) replies.push(reply);
        } catch (error) {
          this.#note(error);
        }
      }
    } catch (error) {
      this.#note(error);
    }
    return replies;
  }

  #run(nodes: string[], unit: ProgramUnit): Promise<Reply | undefined> {
    const { value: row, suffixes } = this.#tree.find(nodes, unit.isQuery);
    return row.run(parseParameters(row.parameters, unit.parameters), suffixes);
  }

  #note(error: unknown): void {
    if (!(error instanceof ScpiError)) throw error;
    this.fail(error.code);
  }

  /** IEEE 488.2 10 and SCPI-99 4.1.3.6, 20, 21.8: the same for every dialect. A dialect's own row of the same header wins. */
  #commonCommands(): Command[] {
    const { status, errors } = this;
    const idle = async (): Promise<void> => this.#options.idle?.();
    const mask = (header: string, max: number, get: () => number, set: (value: number) => void): Command[] =>
      setting(
        header,
        '',
        (value) => String(value),
        () => ({ limits: { min: 0, max }, get, set }),
      );
    const group = (header: string, one: StatusGroup): Command[] => [
      query(`${header}[:EVENt]?`, [], () => String(one.takeEvent())),
      query(`${header}:CONDition?`, [], () => String(one.condition)),
      ...mask(
        `${header}:ENABle`,
        32_767,
        () => one.enable,
        (value) => {
          one.enable = value;
        },
      ),
    ];
    return [
      query('*IDN?', [], () => this.idn),
      command('*RST', [], () => this.#options.reset()),
      command('*CLS', [], () => {
        errors.clear();
        status.clear();
      }),
      query('*OPC?', [], async () => {
        await idle();
        return '1';
      }),
      // Not awaited: *OPC sets its bit when the rest is done, the next command does not wait (IEEE 488.2 10.18).
      command('*OPC', [], () => {
        void idle().then(() => {
          status.eventStatus |= ESR.operationComplete;
        });
      }),
      command('*WAI', [], idle),
      query('*ESR?', [], () => String(status.takeEventStatus())),
      ...mask(
        '*ESE',
        255,
        () => status.eventStatusEnable,
        (value) => {
          status.eventStatusEnable = value;
        },
      ),
      ...mask(
        '*SRE',
        255,
        () => status.serviceRequestEnable,
        (value) => {
          status.serviceRequestEnable = value & ~64;
        },
      ),
      query('*STB?', [], () => String(status.byte(errors.size))),
      query('*TST?', [], () => '0'),
      query('*OPT?', [], () => '0'),
      query('SYSTem:ERRor[:NEXT]?', [], () => {
        const code = errors.take();
        return code === undefined ? `${this.#options.noError ?? '0'},"No error"` : `${code},"${SCPI_ERRORS[code]}"`;
      }),
      query('SYSTem:ERRor:COUNt?', [], () => String(errors.size)),
      query('SYSTem:VERSion?', [], () => '1999.0'),
      ...group('STATus:OPERation', status.operation),
      ...group('STATus:QUEStionable', status.questionable),
      command('STATus:PRESet', [], () => {
        status.operation.enable = 0;
        status.questionable.enable = 0;
      }),
    ];
  }
}
