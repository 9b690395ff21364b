import type { DoctorCheck, DoctorReport } from '../../contract/discovery-schema.ts';
import { attachOptionFlags, attachOptionsOf } from '../attach-options.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import type { Output } from '../output.ts';
import { openScreen } from '../screen.ts';

const MARKS: Record<DoctorCheck['state'], string> = { ok: 'ok', problem: 'PROBLEM', warning: 'warning', skipped: '-' };

/** Why an instrument does not appear or answer. A problem is the answer, not an error: exit code 3. */
export const doctor: Command = {
  name: 'doctor',
  usage: 'RESOURCE [--try] [--baud N]',
  summary: 'Says why an instrument does not appear or answer, and what to do.',
  options: {
    try: { type: 'boolean', about: 'on a serial line: try other line ends and baud rates, which sends to the device' },
    baud: attachOptionFlags.baud,
  },
  positionals: [1, 1],
  async run(args, shell) {
    const { line } = attachOptionsOf(args) ?? {};
    await using screen = await openScreen(args, shell);
    const report = await screen.client.call(
      'doctor.run',
      { resource: args.at(0), tries: args.flag('try'), ...(line ? { line } : {}) },
      { signal: shell.signal },
    );
    if (args.flag('json')) await shell.out.json(report);
    else await print(report, shell.out);
    return report.isHealthy ? EXIT.done : EXIT.instrument;
  },
};

async function print({ checks, verdict, works }: DoctorReport, out: Output): Promise<void> {
  const width = Math.max(...checks.map(({ title }) => title.length));
  const indent = ' '.repeat(width + 11);
  for (const { title, state, cause, fix, paste } of checks) {
    await out.line(`${title.padEnd(width)}  ${MARKS[state].padEnd(7)}  ${cause}`);
    if (fix) await out.line(`${indent}${fix}`);
    if (paste) await out.line(`${indent}  ${paste}`);
  }
  await out.line('');
  await out.line(verdict);
  if (!works) return;
  const flags = [
    works.line?.baudRate === undefined ? '' : `--baud ${works.line.baudRate}`,
    works.writeTermination === undefined ? '' : `--termination ${works.writeTermination}`,
  ];
  await out.line(`It works with ${flags.filter(Boolean).join(' ')}`);
}
