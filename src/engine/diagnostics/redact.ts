/** Fields whose value is never given away. */
const SECRET_NAME = /token|secret|password|passwd|authorization|cookie|api[-_]?key|private[-_]?key|credential/i;
const HIDDEN = '(removed)';

/** What is known to be secret or private here. */
export interface Private {
  /** Texts that appear nowhere: tokens. */
  secrets: readonly string[];
  /** Home folders; the user name in them is removed. */
  homes: readonly string[];
  users: readonly string[];
}

/** A text without secrets, tokens in addresses and headers, and user names in paths. */
export function redactText(text: string, { secrets, homes, users }: Private): string {
  let shown = text;
  for (const secret of secrets.filter((one) => one.length >= 4)) shown = shown.replaceAll(secret, HIDDEN);
  for (const home of homes.filter((one) => one.length > 1)) shown = shown.replaceAll(home, '~');
  return (
    shown
      .replace(/((?:token|passw(?:or)?d|pwd|secret|key)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s"'&,;}]+)/gi, `$1${HIDDEN}`)
      // A password of the instrument's network, as it was sent: `:SYST:COMM:WLAN:PASS "…"`.
      .replace(/(:(?:passw\w*|passcode|passphrase|pass|psk)(?::\w+)*\s+)("[^"]*"|'[^']*'|[^\s;]+)/gi, `$1${HIDDEN}`)
      .replace(/(bearer\s+)[\w.~+/-]+=*/gi, `$1${HIDDEN}`)
      .replace(/(\/(?:home|Users)\/|[A-Z]:\\+Users\\+)([^/\\"'\s]+)/gi, '$1user')
      .replace(/(:\/\/)[^/\s]+@/g, `$1${HIDDEN}@`)
      .split(wordsOf(users))
      .join('user')
  );
}

/** The same for JSON values: fields named like a secret lose their value. */
export function redactValue(value: unknown, known: Private): unknown {
  if (typeof value === 'string') return redactText(value, known);
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map((one) => redactValue(one, known));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const isSecret = SECRET_NAME.test(key) && one !== null && typeof one !== 'boolean';
      return [redactText(key, known), isSecret ? HIDDEN : redactValue(one, known)];
    }),
  );
}

/** User names as whole words; short ones would tear up other words. */
function wordsOf(users: readonly string[]): RegExp {
  const names = users.filter((name) => name.length >= 4 && name !== 'user' && name !== 'root');
  const escaped = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return escaped.length === 0 ? /(?!)/ : new RegExp(`\\b(?:${escaped.join('|')})\\b`, 'g');
}
