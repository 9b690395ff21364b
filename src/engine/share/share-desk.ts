import type { CallOutput, CallParsed } from '../../contract/calls.ts';
import { CALLS } from '../../contract/calls.ts';
import type { EventData } from '../../contract/events.ts';
import type { CallContext } from '../../contract/serve.ts';
import type { HubCall } from '../../contract/share-calls.ts';
import type { ShareState } from '../../contract/share-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { HostServices, HubEnd, HubProcess } from '../host-services.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { HubQuestions } from './hub-questions.ts';

export interface ShareDeskParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  host: Pick<HostServices, 'startHub' | 'unavailable'>;
  /** Sends `share.asked` to one screen. */
  send(screen: number, asked: EventData<'share.asked'>): void;
}

const NOBODY = { urls: [], connections: [], users: 0 };

/**
 * Sharing the bench: the hub's process is the host's, its link is a screen that offered, and what it serves is what it reports.
 *
 *             settings: on                the hub reports
 *      off ───────────────▶ starting ───────────────────────▶ on
 *       ▲                    ▲    │                            │
 *       │                    │    │ cannot start,              │ its link or its process ends
 *       │ settings: off,     │    │ ended too often            │
 *       │ from every state   └────┼────────────────────────────┘
 *       └─────────────────────    └──▶ failed ── settings off and on, or the hub reports ──▶ …
 */
export class ShareDesk implements AsyncDisposable {
  readonly #parts: ShareDeskParts;
  readonly #questions: HubQuestions;
  readonly #tap: Disposable;
  #process: HubProcess | undefined;
  /** The screen that offered. */
  #hub: number | undefined;
  #isWanted = false;
  /** Starting and stopping, one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: ShareDeskParts) {
    this.#parts = parts;
    this.#questions = new HubQuestions(parts.clock);
    this.#tap = parts.board.onChange(({ event }) => {
      if (event === 'settings.changed') this.follow();
    });
  }

  /** Starts or ends the hub as the settings say; what else of them changes, the hub follows by itself. */
  follow(): void {
    const { on } = this.#parts.board.state.settings.share;
    if (on === this.#isWanted || this.#isClosed) return;
    this.#isWanted = on;
    this.#turn = this.#turn.then(() => (this.#isWanted ? this.#start() : this.#stop()));
  }

  /** As `share.offer`. Throws call.denied, share.taken. */
  offer({ screen, as }: CallContext): void {
    if (!screen.isTrusted || as) {
      throw new LabError(
        'call.denied',
        'Only the hub may offer to share the bench: a program that reaches the engine with its token. Nothing was changed.',
      );
    }
    if (this.#hub === screen.id) return;
    if (this.#hub !== undefined)
      throw new LabError('share.taken', 'Another hub shares this bench already. It goes on. End it first.');
    this.#hub = screen.id;
    screen.scope.defer(() => this.#left(screen.id));
  }

  /** As `share.report`. Throws call.denied. */
  report(context: CallContext, state: CallParsed<'share.report'>): void {
    this.#checkHub(context);
    const { state: before } = this.#parts.board.state.share;
    this.#show(state);
    if (state.state === 'failed' && before !== 'failed') this.#complain(state.reason ?? 'The hub gives no reason.');
  }

  /** As `share.answer`. Throws call.denied. */
  answer(context: CallContext, { ask, output, error }: CallParsed<'share.answer'>): void {
    this.#checkHub(context);
    this.#questions.answer(ask, error ? LabError.fromRecord(error) : { output });
  }

  /** Lets the hub carry out what a screen asks. Throws share.off, share.gone, call.limit, and what the hub says. */
  async ask<N extends HubCall>(call: N, input: CallParsed<N>, { who, signal }: CallContext): Promise<CallOutput<N>> {
    const hub = this.#hub;
    if (hub === undefined) {
      throw new LabError(
        'share.off',
        `No hub runs, and ${call} is its business. Nothing was changed. Switch sharing on in Settings, or wait until it has started.`,
      );
    }
    const output = await this.#questions.ask(call, signal, (ask) => this.#parts.send(hub, { ask, call, input, who }));
    const parsed = CALLS[call].output.safeParse(output);
    if (parsed.success) return parsed.data as CallOutput<N>;
    throw new LabError(
      'share.gone',
      `The hub answered ${call} with what cannot be read. Whether it was carried out is not known. Look at the list; bring hub and engine to the same Labwire.`,
    );
  }

  /** The hub is told to end and not waited for: its clients must not hold up the recording. The host waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#tap[Symbol.dispose]();
    this.#questions.end(new LabError('share.gone', 'Labwire was closed.'));
    if (this.#process) void Promise.resolve(this.#process[Symbol.asyncDispose]()).catch(() => undefined);
  }

  async #start(): Promise<void> {
    if (this.#isClosed) return;
    const { host } = this.#parts;
    const missing = host.unavailable.hub;
    if (missing) return this.#fail(`The bench cannot be shared here: ${missing}.`);
    this.#show({ state: 'starting', ...NOBODY });
    try {
      const process = await host.startHub();
      this.#process = process;
      process.onEnd((end) => this.#ended(process, end));
    } catch (error) {
      this.#fail(LabError.from(error).message);
    }
  }

  async #stop(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    this.#show({ state: 'off', ...NOBODY });
    try {
      await process?.[Symbol.asyncDispose]();
    } catch (error) {
      this.#parts.events.add({ kind: 'status', severity: 'warning', text: LabError.from(error).message });
    }
  }

  #ended(process: HubProcess, { reason, retryMs }: HubEnd): void {
    if (this.#process !== process) return;
    if (retryMs === null) this.#fail(reason);
    else this.#show({ state: 'starting', ...NOBODY, reason });
  }

  #left(screen: number): void {
    if (this.#hub !== screen) return;
    this.#hub = undefined;
    this.#questions.end(
      new LabError(
        'share.gone',
        'The hub ended before it answered. Whether it was carried out is not known. Look at the list when it is back.',
      ),
    );
    if (this.#isClosed || this.#parts.board.state.share.state === 'failed') return;
    if (this.#isWanted) this.#show({ state: 'starting', ...NOBODY, reason: 'The hub is away, and expected back.' });
    else this.#show({ state: 'off', ...NOBODY });
  }

  #checkHub({ screen, as }: CallContext): void {
    if (screen.id === this.#hub && !as) return;
    throw new LabError('call.denied', 'Only the hub that shares this bench may say that. Nothing was changed.');
  }

  #fail(reason: string): void {
    this.#show({ state: 'failed', ...NOBODY, reason });
    this.#complain(reason);
  }

  #complain(reason: string): void {
    this.#parts.events.add({ kind: 'status', severity: 'error', text: `The bench is not shared. ${reason}` });
  }

  /** The hub reports twice a second, mostly the same. */
  #show(share: ShareState): void {
    if (JSON.stringify(share) === JSON.stringify(this.#parts.board.state.share)) return;
    this.#parts.board.publish('share.changed', { share });
  }
}
