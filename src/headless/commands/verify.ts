import { openRecording } from '../../engine/recording/recording.ts';
import { verifyRecording } from '../../engine/recording/verify.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';

/** Reads every byte of a recording. Problems are the answer, not an error: exit code 4. */
export const verify: Command = {
  name: 'verify',
  usage: 'FILE',
  summary: 'Reads every byte of a recording and says what is wrong with it.',
  options: {},
  positionals: [1, 1],
  async run(args, { out, signal }) {
    await using recording = await openRecording(args.at(0));
    const report = await verifyRecording(recording, { signal });
    if (args.flag('json')) await out.json(report);
    else {
      const { chunks, batches, samples, lost } = report;
      await out.line(
        `${report.ok ? 'ok' : 'not ok'}: ${samples} samples, ${batches} batches, ${chunks} chunks, ${lost} lost`,
      );
      for (const problem of report.problems) await out.line(problem);
    }
    return report.ok ? EXIT.done : EXIT.recording;
  },
};
