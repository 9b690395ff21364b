import { LabError } from '../../core/errors.ts';

/** Fewest and most characters. More than the most would only cost time. */
export const PASSWORD_LENGTH = { least: 8, most: 200 } as const;

/** What guessing begins with. */
const PLAIN = new Set([
  'password',
  'passwort',
  'password1',
  'password123',
  '12345678',
  '123456789',
  '1234567890',
  '87654321',
  'qwertyui',
  'qwertyuiop',
  'qwerty123',
  'admin123',
  'administrator',
  'developer123',
  'viewer123',
  'letmein1',
  'labwire1',
  'laboratory',
]);

/** Length counts (NIST SP 800-63B 5.1.1.2), rules about digits and signs do not. Throws hub.weak-password with what is wrong. */
export function checkPassword(user: string, password: string): void {
  const fault = faultOf(user.toLowerCase(), password.toLowerCase());
  if (fault === undefined) return;
  throw new LabError(
    'hub.weak-password',
    `The password ${fault}. Nothing was changed; take a longer one, for example four words.`,
  );
}

function faultOf(user: string, password: string): string | undefined {
  const length = [...password].length;
  if (length < PASSWORD_LENGTH.least) return `is shorter than ${PASSWORD_LENGTH.least} characters`;
  if (length > PASSWORD_LENGTH.most) return `is longer than ${PASSWORD_LENGTH.most} characters`;
  if (PLAIN.has(password)) return 'is one of those that are tried first';
  if (new Set(password).size < 3) return 'repeats one or two characters';
  if (user.length > 3 && password.replace(/\d/g, '') === user) return 'is the name of the user';
  return undefined;
}
