import type { Clock } from '../../core/clock.ts';
import type { RowSource } from '../../core/link-word.ts';
import type { LabServerEvent } from '../../lab/lab-server.ts';
import type { HostServices } from '../host-services.ts';
import type { EventLog } from '../state/event-log.ts';
import { type AlarmNews, AlarmVoice } from './alarm-voice.ts';
import type { BenchServer } from './bench-server.ts';
import { saidText } from './said-text.ts';
import type { ServerBoard } from './server-board.ts';

export interface ServerNewsParts {
  clock: Clock;
  events: EventLog;
  host: Pick<HostServices, 'notify'>;
  shown: ServerBoard;
  /** A server lists its equipment: instruments of the bench that were absent may be there now. */
  listed(server: BenchServer): void;
}

/** What servers say, told to the person: lines on the time axis, alarms, losses, how rows come. */
export class ServerNews implements Disposable {
  readonly #parts: ServerNewsParts;
  readonly #voices = new Map<string, AlarmVoice>();

  constructor(parts: ServerNewsParts) {
    this.#parts = parts;
  }

  heard(server: BenchServer, event: LabServerEvent): void {
    const { shown, listed } = this.#parts;
    const isNews = server.take(event);
    if (event.kind === 'link') {
      shown.show(server);
      return;
    }
    if (event.kind === 'equipment') listed(server);
    if (event.kind === 'alarm' && isNews) this.#alarm(server, event);
    if (event.kind === 'note' && event.topic === 'lock' && event.severity !== 'info') this.#lock(server, event.text);
    if (event.kind === 'loss' && event.isUnaccounted)
      this.say(
        'error',
        `${server.saved.label}: ${event.lost} rows of ${event.stream} are missing and nothing says why.`,
      );
    shown.showSoon(server);
  }

  /** Rows of an instrument come in another way from now on. `of`: equipment and stream; `instrument`: its id on the bench. */
  sourceChanged(
    server: BenchServer,
    of: { equipment: string; stream: string; instrument: string | null },
    source: RowSource | 'silent',
    reason: string,
  ): void {
    const { equipment, stream, instrument } = of;
    this.#parts.events.add({
      kind: 'server',
      severity: source === 'silent' ? 'warning' : 'info',
      text: `${server.saved.label}, ${equipment} ${stream}: ${SOURCE_WORDS[source]}${reason ? ` (${reason})` : ''}`,
      data: { stream, source, reason },
      ...(instrument === null ? {} : { instrument }),
    });
  }

  say(severity: 'info' | 'warning' | 'error' | 'critical', text: string, atNs?: bigint): void {
    this.#parts.events.add({ kind: 'server', severity, text, ...(atNs === undefined ? {} : { atNs }) });
  }

  forget(server: string): void {
    this.#voices.get(server)?.[Symbol.dispose]();
    this.#voices.delete(server);
  }

  [Symbol.dispose](): void {
    for (const server of [...this.#voices.keys()]) this.forget(server);
  }

  /** Somebody took a lock from this bench, or it cannot be kept: whoever works there must know at once. */
  #lock(server: BenchServer, said: string): void {
    const text = `${server.saved.label}: ${saidText(said, server.secret === undefined ? [] : [server.secret])}`;
    this.say('warning', text);
    this.#parts.host.notify({ title: 'Lock at a lab server', text, severity: 'warning' });
  }

  #alarm(server: BenchServer, event: AlarmNews): void {
    const { clock, host } = this.#parts;
    const voice =
      this.#voices.get(server.id) ??
      new AlarmVoice({
        clock,
        line: (severity, text, atNs) => this.say(severity, `${server.saved.label}: ${text}`, atNs),
        // The name stands in the text, too: screens show no title.
        notify: (severity, text) =>
          host.notify({ title: 'Alarm of a lab server', text: `${server.saved.label}: ${text}`, severity }),
      });
    this.#voices.set(server.id, voice);
    voice.heard({ ...event, text: saidText(event.text, server.secret === undefined ? [] : [server.secret]) });
  }
}

const SOURCE_WORDS = {
  live: 'rows come live',
  polled: 'rows are polled',
  filled: 'rows are filled in',
  silent: 'no rows come',
} as const;
