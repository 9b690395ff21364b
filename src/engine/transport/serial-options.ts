import type { Clock } from '../../core/clock.ts';

/** Settings of the line. Defaults as VISA's: 9600 baud, 8 data bits, no parity, 1 stop bit, no flow control. */
export interface SerialOptions {
  baudRate?: number | undefined;
  dataBits?: 5 | 6 | 7 | 8 | undefined;
  /** 1.5 and the parities mark and space do not exist on Linux. */
  stopBits?: 1 | 1.5 | 2 | undefined;
  parity?: 'none' | 'even' | 'odd' | 'mark' | 'space' | undefined;
  rtscts?: boolean | undefined;
  /** XON/XOFF breaks binary blocks: two byte values never arrive. */
  xon?: boolean | undefined;
  xoff?: boolean | undefined;
  /** Drop the modem lines when closing; false spares an Arduino the reset at the next opening. */
  hupcl?: boolean | undefined;
  /** Lines set after opening; opening raises both. Boards without them refuse, which does no harm. */
  lines?: { dtr: boolean; rts: boolean } | undefined;
  /** Wait after opening, dropping what comes: boards that reset say boot noise for about 2 s. Default 0. */
  settleMs?: number | undefined;
  /**
   * DTR/DSR handshake (HP 34401A, E3631A): our DTR stays raised, and nothing is sent while the instrument holds DSR low. No system does this by itself; it is kept from the moment
   * on at which DSR was first seen high, because many cables do not carry it.
   */
  dsrdtr?: boolean | undefined;
  /** Pause after each byte, ms, for instruments slower than their line. */
  bytePaceMs?: number | undefined;
  /** What clears the instrument over this line, if anything does: a break, or the character 03h (HP 34401A, 34420A). Default none. */
  clear?: 'none' | 'break' | 'ctrl-c' | undefined;
  /** Unread bytes held before the port is paused; default 1 MiB. */
  bufferBytes?: number | undefined;
  clock?: Clock | undefined;
  signal?: AbortSignal | undefined;
}
