import { LabError } from '../../core/errors.ts';
import type { LabLinkPlace } from './place.ts';

/** Our own emergency latch: the server, its stop active, lets outputs be switched on again. */
export class EmergencyLatch {
  readonly #place: LabLinkPlace;
  #isOurs = false;
  #isServers = false;

  constructor(place: LabLinkPlace) {
    this.#place = place;
  }

  get isOn(): boolean {
    return this.#isOurs || this.#isServers;
  }

  set(): void {
    this.#isOurs = true;
  }

  /** What the server says of its own stop. When it ends there, ours ends, too: somebody released it. */
  heard(isActive: boolean): void {
    if (isActive === this.#isServers) return;
    this.#isServers = isActive;
    if (!isActive) this.#isOurs = false;
    const text = isActive ? 'The emergency stop of the lab server is active.' : 'The emergency stop was released.';
    this.#place.emit({
      kind: 'note',
      topic: 'emergency-stop',
      severity: isActive ? 'warning' : 'info',
      text,
      data: { isActive },
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

  /** Ends the server's stop and ours; outputs stay off. Throws server.*. */
  async release(signal: AbortSignal | undefined): Promise<void> {
    await this.#place.rest.post('/api/safety/emergency-stop/deactivate', undefined, { signal });
    this.#isOurs = false;
    this.heard(false);
  }

  /** Activates the server's own stop. Gives why it did not work. */
  async activate(): Promise<string | undefined> {
    this.set();
    try {
      await this.#place.rest.post('/api/safety/emergency-stop/activate', undefined, {
        timeoutMs: 8000,
        isUrgent: true,
      });
      this.heard(true);
      return undefined;
    } catch (thrown) {
      return LabError.from(thrown).message;
    }
  }
}
