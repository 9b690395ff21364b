/** Times and limits of a link; every one is an option. ms where nothing else is said. */
export interface LinkRules {
  /** False: an end is an end, nothing is tried again. */
  autoReconnect: boolean;
  /** Tries until the link counts as suspended. */
  maxAttempts: number;
  /** Wait before the first try again; it doubles up to `maxWaitMs`, also the pace of a suspended link. */
  firstWaitMs: number;
  maxWaitMs: number;
  /** Share of a wait by which chance shortens or lengthens it: a hundred clients do not come back as one. */
  jitter: number;
  /** Longest time until the socket is open. */
  openMs: number;
  /** Longest time from open to ready; 0: open is ready. */
  handshakeMs: number;
  /** Longest time for a new token. */
  refreshMs: number;
  /** So long ready, and rows came (or none are wanted): the tries are forgotten. */
  steadyMs: number;
  /** A connection is renewed no sooner than so long after it was ready: many silent streams ask at once. */
  renewAfterMs: number;
  /** Pace of the bare TCP probe while waiting, on loopback and private addresses. */
  listenMs: number;
  /** Longest answer to the probe sent after a wake or a change of network. */
  suspectMs: number;
  /** Paths tried one after the other before it counts as a failed try. */
  maxPaths: number;
}

export const LINK_RULES: Readonly<LinkRules> = {
  autoReconnect: true,
  maxAttempts: 10,
  firstWaitMs: 1_000,
  maxWaitMs: 30_000,
  jitter: 0.2,
  openMs: 10_000,
  handshakeMs: 10_000,
  refreshMs: 15_000,
  steadyMs: 10_000,
  renewAfterMs: 5_000,
  listenMs: 1_000,
  suspectMs: 10_000,
  maxPaths: 8,
};

/**
 * Wait before try number `attempt` (1…), ms: 1, 2, 4 … 30 s ± 20 %. With `retryAfterS` of the server the longer of the two and 0 to 20 % more,
 * never less than it said. `random`: 0 ≤ x < 1.
 */
export function backOffMs(attempt: number, retryAfterS: number | undefined, random: number, rules: LinkRules): number {
  const plain = Math.min(rules.maxWaitMs, rules.firstWaitMs * 2 ** Math.min(attempt - 1, 30));
  if (retryAfterS === undefined) return plain * (1 + rules.jitter * (2 * random - 1));
  return Math.max(plain, retryAfterS * 1000) * (1 + rules.jitter * random);
}
