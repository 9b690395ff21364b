/** As shipped; one set of managers; that with the dates repaired; the enhanced socket; the enhanced socket without the repair. */
export type LabLinkMode = 'asis' | 'unified' | 'fixed' | 'enhanced' | 'enhanced-raw';

export interface LabLinkOptions {
  mode?: LabLinkMode;
  port?: number;
  version?: string;
  /** Login wanted on the socket; user admin, password lab-admin. */
  security?: boolean;
  /** A one-time code wanted with the login. */
  mfa?: string;
  accessTtlMs?: number;
  /** Auto-registered mocks, as the shipped server has them. */
  mocks?: boolean;
  /** Times the delays of the mock instruments; 0: none. */
  delays?: number;
  /** Naive local time: minutes east of UTC, and how wrong the server's clock is. */
  zoneMinutes?: number;
  clockErrorMs?: number;
  /** The enhanced socket on the next port, the basic one beside it where REST is: as the real one was mounted. */
  isApart?: boolean;
  /** Uses no permessage-deflate. */
  plain?: boolean;
  /** Seconds after which a lock nobody touches is let go, whatever was asked (tests of keep-alive). */
  lockSeconds?: number;
}

export const ADMIN = { user: 'admin', password: 'lab-admin' };

export function hasOneManager(mode: LabLinkMode): boolean {
  return mode !== 'asis';
}

export function sendsDates(mode: LabLinkMode): boolean {
  return mode === 'fixed' || mode === 'enhanced';
}

export function isEnhanced(mode: LabLinkMode): boolean {
  return mode === 'enhanced' || mode === 'enhanced-raw';
}
