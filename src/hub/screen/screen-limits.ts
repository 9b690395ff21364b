/** What one remote screen may take of the hub. */
export interface ScreenLimits {
  /** A page that has this much on its way does not read: its socket is closed. */
  maxPendingBytes: number;
  /** A page must say hello within that; ms. */
  helloMs: number;
}

export const SCREEN_LIMITS: ScreenLimits = { maxPendingBytes: 16 * 1024 * 1024, helloMs: 10_000 };
