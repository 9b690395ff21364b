export const MESSAGE_FORMATS = ['pretty', 'json', 'compact'] as const;
export type MessageFormat = (typeof MESSAGE_FORMATS)[number];

const STYLES = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** One message of a server as lines of text. `isColoured`: for a terminal. */
export function messageText(message: unknown, format: MessageFormat, isColoured: boolean, at: Date): string {
  if (format === 'json') return jsonText(message);
  const paint = (text: string, style: keyof typeof STYLES): string =>
    isColoured ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
  const title = titleOf(message);
  const time = paint(at.toISOString().slice(11, 23), 'dim');
  const heading = `${time} ${paint(title.text, title.style)}`;
  const rest = restOf(message);
  if (rest === undefined) return heading;
  if (format === 'compact') return `${heading} ${jsonText(rest)}`;
  const body = safeText(JSON.stringify(rest, null, 2) ?? String(rest));
  return `${heading}\n${body.replace(/^/gm, '  ')}`;
}

/** Binary is told by its size: its bytes are of no use on a terminal. */
function jsonText(message: unknown): string {
  if (message instanceof Uint8Array) return JSON.stringify({ type: 'binary', bytes: message.byteLength });
  return safeText(JSON.stringify(message) ?? String(message));
}

function titleOf(message: unknown): { text: string; style: keyof typeof STYLES } {
  if (message instanceof Uint8Array) return { text: `binary, ${message.byteLength} bytes`, style: 'cyan' };
  if (typeof message !== 'object' || message === null) return { text: 'text', style: 'cyan' };
  const { type, channel, event_type: event } = message as Record<string, unknown>;
  // Events of channels have no type of their own.
  if (typeof channel === 'string' && (type === undefined || type === 'event'))
    return { text: safeText(`${channel} ${typeof event === 'string' ? event : 'event'}`), style: 'cyan' };
  const text = typeof type === 'string' ? safeText(type) : 'message';
  if (text === 'error') return { text, style: 'red' };
  if (text === 'connected' || text === 'subscribed' || text === 'unsubscribed' || text === 'pong')
    return { text, style: 'green' };
  return { text, style: text === 'reconnect' || text === 'disconnected' ? 'yellow' : 'cyan' };
}

/** What the heading does not say already. */
function restOf(message: unknown): unknown {
  if (message instanceof Uint8Array) return undefined;
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return message;
  const { type, channel, event_type: event, ...rest } = message as Record<string, unknown>;
  const isEvent = typeof channel === 'string' && (type === undefined || type === 'event');
  const shown = isEvent
    ? rest
    : { ...(channel === undefined ? {} : { channel }), ...(event === undefined ? {} : { event_type: event }), ...rest };
  return Object.keys(shown).length === 0 ? undefined : shown;
}

/** Control characters of a server must not reach a terminal; JSON has written those below space by itself. */
function safeText(text: string): string {
  return text.replace(/\p{Cc}/gu, (sign) =>
    sign === '\n' || sign === '\t' ? sign : `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
