import type { Clock } from '../../../core/clock.ts';
import type { Session } from '../../session/session.ts';
import type { DriverFamily } from '../driver.ts';

/**
 * How to talk to instruments that are no SCPI devices: replies without an end, acknowledgements after each command. What it opens is a
 * session like any other, so everything of the definition file stays as it is. The `dialog` of a definition names one.
 */
export interface Dialogue {
  /** The session the driver works on. It does not own `session`. */
  open(session: Session, clock: Clock): Session;
  /** How it is asked who it is, where it does not answer *IDN? like others. */
  identify?: NonNullable<DriverFamily['identify']>;
}
