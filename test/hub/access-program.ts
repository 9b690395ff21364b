import { LabError } from '../../src/core/errors.ts';
import { Arguments } from '../../src/headless/command.ts';
import { token } from '../../src/headless/commands/token.ts';
import { user } from '../../src/headless/commands/user.ts';
import { exitCodeOf } from '../../src/headless/exit-code.ts';
import { createOutput } from '../../src/headless/output.ts';

/** `user …` and `token …` of the command line, alone, in a process that has a terminal or a pipe. */
const [, , name, ...args] = process.argv;
const command = name === 'user' ? user : token;
try {
  process.exitCode = await command.run(new Arguments(command, args), {
    files: {} as never,
    out: createOutput(process.stdout, () => {}),
    say: (text) => void process.stderr.write(`labwire: ${text}\n`),
    signal: new AbortController().signal,
  });
} catch (thrown) {
  const { code, message } = LabError.from(thrown);
  process.stderr.write(`labwire: ${code}: ${message}\n`);
  process.exitCode = exitCodeOf(code);
}
process.stdin.destroy();
