import { LabError } from '../core/errors.ts';
import { redact } from '../core/redact.ts';

/** Longest text of a server that goes into a message. */
const TEXT_LIMIT = 300;

/** What a server says of an error, whatever form it gives it: `{detail: text}`, `{detail: [{loc, msg}]}`, `{error}`, `{message}`, or plain text. */
export function errorText(json: unknown, plain: string): string {
  const said = saidIn(json) ?? (json === undefined ? plain.trim() : '');
  return redact(said.length > TEXT_LIMIT ? `${said.slice(0, TEXT_LIMIT)}…` : said);
}

function saidIn(json: unknown): string | undefined {
  if (typeof json === 'string') return json;
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const body = json as Record<string, unknown>;
  for (const key of ['detail', 'error', 'message', 'reason']) {
    const value = body[key];
    if (typeof value === 'string' && value !== '') return value;
    if (Array.isArray(value)) return value.slice(0, 5).map(faultText).join('; ');
    // {error: {message}} and {detail: {…}} of other frameworks.
    if (typeof value === 'object' && value !== null) return saidIn(value);
  }
  return undefined;
}

/** One entry of a 422 list: `body.interval: Input should be a valid number`. */
function faultText(fault: unknown): string {
  if (typeof fault === 'string') return fault;
  if (typeof fault !== 'object' || fault === null) return String(fault);
  const { loc, msg } = fault as { loc?: unknown; msg?: unknown };
  const where = Array.isArray(loc) ? loc.map(String).join('.') : '';
  const what = typeof msg === 'string' ? msg : 'not accepted';
  return where === '' ? what : `${where}: ${what}`;
}

const ASIDE = 'What was measured so far is untouched.';

/** An answer that is no success, as our error. `what`: the request, without secrets. */
export function httpError(what: string, status: number, said: string): LabError {
  const saying = said === '' ? '' : `: ${said}`;
  const details = { status, said };
  switch (status) {
    case 401:
      return new LabError(
        'server.unauthorized',
        `The lab server wants a login for ${what}${saying}. Nothing was changed there. Log in again.`,
        details,
      );
    case 403:
      return new LabError(
        'server.denied',
        `The lab server does not allow ${what} to this login${saying}. Nothing was changed there. Ask for the right, or use another login.`,
        details,
      );
    case 404:
    case 405:
    case 501:
      return new LabError(
        'server.unsupported',
        `The lab server does not have ${what}${saying}. ${ASIDE} Look at the list of equipment anew, or at the version of the server.`,
        details,
      );
    case 408:
    case 504:
      return new LabError(
        'server.timeout',
        `The lab server gave up on ${what}${saying}. Whether it was carried out is not known: read the state.`,
        details,
      );
    case 409:
    case 423:
    case 429:
      return new LabError(
        'server.busy',
        `The lab server is busy or locked for ${what}${saying}. Nothing was changed there. Try again, or ask who holds it.`,
        details,
      );
    case 400:
    case 422:
      return new LabError(
        'server.rejected',
        `The lab server did not take ${what}${saying}. Nothing was changed there. Correct what it names.`,
        details,
      );
    case 502:
    case 503:
      return new LabError(
        'server.refused',
        `The lab server cannot do ${what} now (HTTP ${status})${saying}. ${ASIDE} See whether the instrument is connected to it.`,
        details,
      );
    default:
      return new LabError(
        'server.rejected',
        `The lab server failed at ${what} (HTTP ${status})${saying}. Read the state there; its log says more.`,
        details,
      );
  }
}
