/** In a URL, a header or a message: what follows these names is a secret. */
const NAME =
  '(?:access_|refresh_|reconnection_|id_|auth_|mfa_)?token|password|passwd|secret|api[_-]?key|authorization|mfa_code|otp';
/** As a JSON string, which may hold spaces, quotes and commas. */
const QUOTED = new RegExp(`(${NAME})("\\s*:\\s*")(?:[^"\\\\]|\\\\.)*(?="|$)`, 'gi');
const NAMED = new RegExp(`(${NAME})(["']?\\s*[=:]\\s*["']?)(?:Bearer\\s+|Basic\\s+)?([^\\s"'&,;})\\]]+)`, 'gi');
const BEARER = /\bBearer\s+[\w.~+/=-]+/gi;
/** A JSON Web Token, wherever it stands. */
const JWT = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
/** An API key of a hub, wherever it stands. */
const API_KEY = /\blw_[\w-]{8,}/g;
const USER_INFO = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi;

/** A text without its secrets: tokens, passwords, `user:password@`. For every message and log line that holds a URL or words of a server. */
export function redact(text: string): string {
  return text
    .replace(USER_INFO, '$1…@')
    .replace(QUOTED, '$1$2…')
    .replace(NAMED, '$1$2…')
    .replace(BEARER, 'Bearer …')
    .replace(JWT, '…')
    .replace(API_KEY, 'lw_…');
}
