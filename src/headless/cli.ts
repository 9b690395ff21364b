import { LabError } from '../core/errors.ts';
import { builtFiles } from './built-files.ts';
import { runCommandLine } from './command-line.ts';
import { EXIT } from './exit-code.ts';
import { createOutput } from './output.ts';

/** After a command is through its process ends by itself within moments. */
const LEFT_OPEN_MS = 3_000;

/** A second Ctrl-C does not wait for the tidy end. */
function stopSignal(): AbortController {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(EXIT.interrupted);
      stop.abort(new LabError('call.cancelled', 'Stopped.'));
    });
  }
  return stop;
}

// Nobody may read stderr either.
process.stderr.on('error', () => {});
const stop = stopSignal();
process.exitCode = await runCommandLine(process.argv.slice(2), {
  files: builtFiles(import.meta.dirname),
  out: createOutput(process.stdout, () => stop.abort(new LabError('call.cancelled', 'Nobody reads any more.'))),
  say: (text) => void process.stderr.write(`labwire: ${text}\n`),
  signal: stop.signal,
});

setTimeout(() => {
  process.stderr.write('labwire: internal.failed: something was left open and is ended by force. Please report it.\n');
  process.exit();
}, LEFT_OPEN_MS).unref();
