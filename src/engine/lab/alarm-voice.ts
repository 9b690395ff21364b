import type { Clock } from '../../core/clock.ts';
import type { LabServerEvent } from '../../lab/lab-server.ts';

export type AlarmNews = Omit<Extract<LabServerEvent, { kind: 'alarm' }>, 'kind'>;

export interface AlarmVoiceHost {
  clock: Clock;
  /** A line on the time axis, kept with the recording. */
  line(severity: AlarmNews['severity'], text: string, atNs?: bigint): void;
  /** A notification of the desktop. */
  notify(severity: AlarmNews['severity'], text: string): void;
}

export interface AlarmVoiceLimits {
  /** Lines within a quiet time; the others are counted. */
  lines: number;
  /** Quiet after a notification; doubled while news go on, up to `longestQuietMs`. */
  quietMs: number;
  longestQuietMs: number;
}

const LIMITS: AlarmVoiceLimits = { lines: 20, quietMs: 1000, longestQuietMs: 30_000 };
const RANK: readonly AlarmNews['severity'][] = ['info', 'warning', 'error', 'critical'];

/**
 * Says the alarms of one server so that a storm stays bearable: the first at once; what comes in the quiet after it is one notification at its end, with the worst of it
 * and how many more. Only what is worse than anything told yet waits for no quiet. Every alarm stands in the server's list all the same.
 */
export class AlarmVoice implements Disposable {
  readonly #host: AlarmVoiceHost;
  readonly #limits: AlarmVoiceLimits;
  #quiet: Disposable | undefined;
  #quietMs: number;
  #said = 0;
  #unsaid = 0;
  /** The worst that was told in this storm: what is worse still waits for no quiet. */
  #toldRank = -1;
  #waiting: { worst: AlarmNews; count: number } | undefined;

  constructor(host: AlarmVoiceHost, limits: AlarmVoiceLimits = LIMITS) {
    this.#host = host;
    this.#limits = limits;
    this.#quietMs = limits.quietMs;
  }

  /** A change of an alarm that was not known yet. */
  heard(alarm: AlarmNews): void {
    const isActive = alarm.state === 'active';
    if (this.#said < this.#limits.lines) {
      this.#said++;
      this.#host.line(isActive ? alarm.severity : 'info', `${alarm.text} (${alarm.state})`, alarm.atNs);
    } else this.#unsaid++;
    if (isActive && alarm.severity !== 'info') this.#tell(alarm);
    this.#quiet ??= this.#wait();
  }

  [Symbol.dispose](): void {
    this.#quiet?.[Symbol.dispose]();
    this.#quiet = undefined;
  }

  #tell(alarm: AlarmNews): void {
    const rank = RANK.indexOf(alarm.severity);
    if (!this.#quiet || rank > this.#toldRank) {
      this.#toldRank = Math.max(rank, this.#toldRank);
      this.#host.notify(alarm.severity, short(alarm.text));
      return;
    }
    const before = this.#waiting;
    const isWorse = !before || rank > RANK.indexOf(before.worst.severity);
    this.#waiting = { worst: isWorse ? alarm : before.worst, count: (before?.count ?? 0) + 1 };
  }

  #wait(): Disposable {
    return this.#host.clock.after(this.#quietMs, () => {
      this.#quiet = undefined;
      const limits = this.#limits;
      const waiting = this.#waiting;
      const unsaid = this.#unsaid;
      const said = this.#said;
      this.#waiting = undefined;
      this.#unsaid = 0;
      this.#said = 0;
      if (unsaid > 0)
        this.#host.line(
          'warning',
          `${unsaid} more changes of alarms within ${this.#quietMs / 1000} s. Its list shows the latest.`,
        );
      if (waiting) {
        const more = waiting.count > 1 ? ` (and ${waiting.count - 1} more)` : '';
        this.#host.notify(waiting.worst.severity, `${short(waiting.worst.text)}${more}`);
      }
      const goesOn = waiting !== undefined || unsaid > 0 || said > 1;
      this.#quietMs = goesOn ? Math.min(limits.longestQuietMs, this.#quietMs * 2) : limits.quietMs;
      // What comes right after it is part of the same storm.
      if (goesOn) this.#quiet = this.#wait();
      else this.#toldRank = -1;
    });
  }
}

/** A notification has room for that; all of it stands in the list. */
function short(text: string): string {
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}
