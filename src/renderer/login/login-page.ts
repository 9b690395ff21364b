import '@fontsource/inter/400.css';
import '@fontsource/inter/600.css';
import '@fontsource/jetbrains-mono/400.css';
import '../styles/tokens.css';
import '../styles/base.css';
import '../styles/controls.css';
import './login.css';
import { LabError } from '../../core/errors.ts';
import { keepLogin } from '../remote-login.ts';
import { applyStoredLook } from '../theme.ts';

/** The page for logging in at a hub: a form, and nothing of the program behind it. */

applyStoredLook();

const form = field('login', HTMLFormElement);
const user = field('user', HTMLInputElement);
const password = field('password', HTMLInputElement);
const code = field('code', HTMLInputElement);
const codeLabel = field('code-label', HTMLLabelElement);
const problem = field('problem', HTMLElement);
const send = field('send', HTMLButtonElement);

user.focus();
field('host', HTMLElement).textContent = location.host;
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void logIn();
});

async function logIn(): Promise<void> {
  const empty = [user, password].find(({ value }) => value === '');
  if (empty) {
    complain(`Type the ${empty === user ? 'user' : 'password'}.`, empty);
    return;
  }
  problem.textContent = '';
  send.disabled = true;
  try {
    const answer = await fetch(new URL('api/security/login', document.baseURI), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: user.value, password: password.value, mfa_token: code.value.trim() || null }),
    });
    if (answer.ok) {
      const { access } = keepLogin(await answer.json());
      password.value = '';
      // Replaced, so that going back does not show a form that was sent.
      location.replace(new URL(`./#token=${access}`, document.baseURI));
      return;
    }
    if (answer.headers.has('X-MFA-Required')) askForCode();
    else {
      const reason = await reasonOf(answer);
      complain(reason, !codeLabel.hidden && /one-time code/.test(reason) ? code : password);
    }
  } catch (thrown) {
    const text = thrown instanceof LabError ? thrown.message : 'The bench does not answer. Is it on, and in reach?';
    complain(text, send);
  } finally {
    send.disabled = false;
  }
}

function askForCode(): void {
  const isFirst = codeLabel.hidden;
  codeLabel.hidden = false;
  complain(
    isFirst
      ? 'This user logs in with a one-time code too. Type the one your app shows now.'
      : 'Type the one-time code your app shows now.',
    code,
  );
}

function complain(text: string, at: HTMLElement): void {
  problem.textContent = text;
  at.focus();
  if (at instanceof HTMLInputElement) at.select();
}

async function reasonOf(answer: Response): Promise<string> {
  const body: unknown = await answer.json().catch(() => undefined);
  const detail = typeof body === 'object' && body !== null && 'detail' in body ? body.detail : undefined;
  return typeof detail === 'string' ? detail : `The bench refused the login (${answer.status}).`;
}

function field<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}
