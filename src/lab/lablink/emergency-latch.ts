import { LabError } from '../../core/errors.ts';
import type { StopMemory } from '../lab-server.ts';
import type { LabLinkPlace } from './place.ts';

/**
 * Our own emergency latch: the server, its stop active, lets outputs be switched on again.
 *
 *     off ──activate──▶ ours ──release──▶ off        beside it, as the server says: its own, active or not
 *
 * Nothing may be switched on while either is. A server that begins anew forgets its own, not ours.
 */
export class EmergencyLatch {
  readonly #place: LabLinkPlace;
  readonly #ours: StopMemory;
  #isServers = false;
  /** Grows with each stop and release, when it is asked for and when it is answered. */
  #turn = 0;

  /** `memory`: without it ours ends with this client. */
  constructor(place: LabLinkPlace, memory: StopMemory | undefined) {
    this.#place = place;
    this.#ours = memory ?? createStopMemory();
  }

  get isOn(): boolean {
    return this.#ours.isOn || this.#isServers;
  }

  /** Before the server is asked for the state of its own stop: gives who takes the answer. One that was asked before a stop or a release says nothing of now. */
  asking(): (isActive: boolean) => void {
    const turn = this.#turn;
    return (isActive) => {
      if (turn === this.#turn) this.#heard(isActive);
    };
  }

  /** What the server says of its own stop. Ours ends with `release` alone: the server may have begun anew. */
  #heard(isActive: boolean): void {
    if (isActive === this.#isServers) return;
    this.#isServers = isActive;
    const ended = this.#ours.isOn
      ? 'The lab server says that its emergency stop is over. The one made here holds until it is released here (command release_stop).'
      : 'The emergency stop was released.';
    this.#place.emit({
      kind: 'note',
      topic: 'emergency-stop',
      severity: isActive || this.#ours.isOn ? 'warning' : 'info',
      text: isActive ? 'The emergency stop of the lab server is active.' : ended,
      data: { isActive: this.isOn },
    });
  }

  /** Throws safety.refused while it is on. */
  refuse(control: string): void {
    if (!this.isOn) return;
    throw new LabError(
      'safety.refused',
      `The emergency stop is active, so ${control} stays off. Nothing was sent. Release the stop first (command release_stop).`,
    );
  }

  /** Ends the server's stop and ours; outputs stay off. Throws server.*: both are as they were. */
  async release(signal: AbortSignal | undefined): Promise<void> {
    const turn = ++this.#turn;
    await this.#place.rest.post('/api/safety/emergency-stop/deactivate', undefined, { signal });
    // A stop that came meanwhile holds.
    if (turn !== this.#turn) return;
    this.#turn++;
    this.#ours.set(false);
    this.#heard(false);
  }

  /** Activates the server's own stop; ours holds from now on, whatever the server answers. Gives why it did not work there. */
  async activate(): Promise<string | undefined> {
    const turn = ++this.#turn;
    this.#ours.set(true);
    try {
      await this.#place.rest.post('/api/safety/emergency-stop/activate', undefined, {
        timeoutMs: 8000,
        isUrgent: true,
      });
    } catch (thrown) {
      return LabError.from(thrown).message;
    }
    if (turn === this.#turn) {
      this.#turn++;
      this.#heard(true);
    }
    return undefined;
  }
}

function createStopMemory(): StopMemory {
  let isOn = false;
  return {
    get isOn() {
      return isOn;
    },
    set(next) {
      isOn = next;
    },
  };
}
