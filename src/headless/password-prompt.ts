import { LabError } from '../core/errors.ts';

/** A terminal: `process.stdin` and where questions are shown. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  show(text: string): void;
}

/** Ctrl-C, Ctrl-D. */
const STOP = ['\u0003', '\u0004'];
/** Ctrl-U. */
const CLEAR = '\u0015';
const BACKSPACE = ['\u007f', '\b'];
/** Arrow keys and their kind type nothing. */
const KEY_SEQUENCE = new RegExp(`${String.fromCharCode(27)}(?:\\[[0-9;]*[A-Za-z~]|O[A-Z])`, 'g');
const MAX_LENGTH = 1000;

/** Asks for a new password twice, without showing it. Throws call.invalid if the two differ, call.cancelled on Ctrl-C. */
export async function askNewPassword(terminal: Terminal, user: string): Promise<string> {
  const first = await askHidden(terminal, `New password of ${user}: `);
  const second = await askHidden(terminal, 'Once more: ');
  if (first === second) return first;
  throw new LabError('call.invalid', 'The two are not the same. Nothing was changed; try again.');
}

/** One line typed without echo. The terminal is as before in every case. */
async function askHidden({ input, show }: Terminal, question: string): Promise<string> {
  input.setRawMode(true);
  input.setEncoding('utf8');
  show(question);
  try {
    return await readHidden(input);
  } finally {
    input.setRawMode(false);
    input.pause();
    show('\n');
  }
}

function readHidden(input: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = (): void => {
      input.off('data', onData);
      input.off('end', onEnd);
    };
    const onEnd = (): void => {
      finish();
      reject(new LabError('call.cancelled', 'Stopped.'));
    };
    const onData = (chunk: string): void => {
      const text = chunk.replace(KEY_SEQUENCE, '');
      if (STOP.some((key) => text.includes(key))) {
        onEnd();
        return;
      }
      const end = text.search(/[\r\n]/);
      typed = edited(typed, end < 0 ? text : text.slice(0, end));
      if (end < 0) return;
      finish();
      // What was typed ahead answers the next question.
      const rest = text.slice(end + 1);
      if (rest !== '') input.unshift(rest, 'utf8');
      resolve(typed);
    };
    input.on('data', onData);
    input.on('end', onEnd);
    input.resume();
  });
}

/** A line after some keys more. */
function edited(line: string, keys: string): string {
  let typed = [...line];
  for (const key of keys) {
    if (key === CLEAR) typed = [];
    else if (BACKSPACE.includes(key)) typed.pop();
    else if (typed.length < MAX_LENGTH) typed.push(key);
  }
  return typed.join('');
}
