/** The five levels of urgency, highest first; names only on the wire (their numbers contradict each other between servers). */
export const PRIORITIES = ['CRITICAL', 'HIGH', 'NORMAL', 'LOW', 'BULK'] as const;

export type Priority = (typeof PRIORITIES)[number];

/** What a message of a server that names no priority is worth, by its type; everything else is NORMAL. */
const OF_TYPE: Readonly<Record<string, Priority>> = {
  error: 'CRITICAL',
  reconnect: 'CRITICAL',
  disconnected: 'CRITICAL',
  alarm: 'CRITICAL',
  alarm_event: 'CRITICAL',
  alarm_updated: 'CRITICAL',
  alarm_cleared: 'CRITICAL',
  heartbeat: 'HIGH',
  ping: 'HIGH',
  pong: 'HIGH',
  ack: 'HIGH',
  command: 'HIGH',
  command_result: 'HIGH',
  stream_started: 'HIGH',
  stream_stopped: 'HIGH',
  subscribed: 'HIGH',
  unsubscribed: 'HIGH',
  log: 'LOW',
  logs: 'LOW',
  metrics: 'LOW',
  stats: 'LOW',
  trace: 'BULK',
  waveform: 'BULK',
  history: 'BULK',
};

/** A level by its name in any case; undefined for none of them. */
export function parsePriority(word: unknown): Priority | undefined {
  if (typeof word !== 'string') return undefined;
  const upper = word.toUpperCase();
  return PRIORITIES.find((name) => name === upper);
}

/** Of a message without a level: by its type. */
export function priorityOfType(type: string): Priority {
  return (Object.hasOwn(OF_TYPE, type) ? OF_TYPE[type] : undefined) ?? 'NORMAL';
}

/**
 * The level as a peer that knows only `levels` takes it: the next lower one it has, else its lowest (BULK → LOW for four-level servers). Undefined: the
 * peer has no levels at all and nothing is said.
 */
export function priorityFor(wanted: Priority, levels: readonly string[]): Priority | undefined {
  const known = PRIORITIES.filter((name) => levels.some((level) => level.toUpperCase() === name));
  const rank = PRIORITIES.indexOf(wanted);
  return known.find((name) => PRIORITIES.indexOf(name) >= rank) ?? known.at(-1);
}
