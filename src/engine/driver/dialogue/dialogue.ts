import type { Clock } from '../../../core/clock.ts';
import type { Transport } from '../../transport/transport.ts';
import type { DriverFamily } from '../driver.ts';

/**
 * How to talk to instruments that are no SCPI devices: replies without an end, acknowledgements after each command. It stands between the way and
 * the session, which then sees questions answered by lines like any others; everything of the definition file stays as it is. The `dialog` of a
 * definition names one.
 */
export interface Dialogue {
  /** The way as the session sees it. Disposing it disposes `transport`. */
  frame(transport: Transport, clock: Clock): Transport;
  /** How it is asked who it is. */
  identify: NonNullable<DriverFamily['identify']>;
}
