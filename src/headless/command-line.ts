import { LabError } from '../core/errors.ts';
import type { Command, Shell } from './command.ts';
import { Arguments, helpText } from './command.ts';
import { bench } from './commands/bench.ts';
import { doctor } from './commands/doctor.ts';
import { exportFile } from './commands/export.ts';
import { find } from './commands/find.ts';
import { importFile } from './commands/import.ts';
import { info } from './commands/info.ts';
import { query } from './commands/query.ts';
import { read } from './commands/read.ts';
import { record } from './commands/record.ts';
import { recordings } from './commands/recordings.ts';
import { repair } from './commands/repair.ts';
import { replay } from './commands/replay.ts';
import { saveLast } from './commands/save-last.ts';
import { screenshot } from './commands/screenshot.ts';
import { serve } from './commands/serve.ts';
import { server } from './commands/server.ts';
import { token } from './commands/token.ts';
import { upload } from './commands/upload.ts';
import { user } from './commands/user.ts';
import { verify } from './commands/verify.ts';
import { waveform } from './commands/waveform.ts';
import { ws } from './commands/ws.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';

const COMMANDS: readonly Command[] = [
  serve,
  bench,
  find,
  doctor,
  query,
  read,
  screenshot,
  waveform,
  record,
  recordings,
  info,
  verify,
  repair,
  exportFile,
  importFile,
  replay,
  saveLast,
  upload,
  server,
  ws,
  user,
  token,
];

/** Carries out one command line; gives the exit code. What goes wrong is one line for the person, never a throw. */
export async function runCommandLine(args: readonly string[], shell: Shell): Promise<number> {
  try {
    return await dispatch(args, shell);
  } catch (thrown) {
    const error = LabError.from(thrown);
    if (!error.isCancelled) shell.say(`${error.code}: ${error.message}`);
    return exitCodeOf(error.code);
  }
}

async function dispatch([name = '', ...rest]: readonly string[], shell: Shell): Promise<number> {
  if (name === '' || name === '--help' || name === '-h' || name === 'help') {
    await shell.out.line(overview());
    return name === '' ? EXIT.usage : EXIT.done;
  }
  if (name === '--version') {
    await shell.out.line(shell.files.version);
    return EXIT.done;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command) {
    const names = COMMANDS.map((known) => known.name).join(', ');
    throw new LabError('call.invalid', `There is no command "${name}". There are: ${names}.`);
  }
  const args = new Arguments(command, rest);
  if (!args.flag('help')) return await command.run(args, shell);
  await shell.out.line(helpText(command));
  return EXIT.done;
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const rows = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return ['labwire COMMAND …', '', ...rows, '', 'labwire COMMAND --help says more; docs/cli.md says all.'].join('\n');
}
