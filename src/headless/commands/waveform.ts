import { attach } from '../attachment.ts';
import { captureWaveform, chooseWaveforms } from '../captured-waveform.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { writeResult } from '../result-file.ts';
import { openScreen } from '../screen.ts';
import { isoTimestamp } from '../timestamp.ts';
import { waveformCsv } from '../waveform-csv.ts';

/** One trigger of a scope with every sample, as CSV. A running scope is stopped for it and runs again. */
export const waveform: Command = {
  name: 'waveform',
  usage: 'RESOURCE [--channels ch1,ch2] [--out FILE.csv]',
  summary: 'Captures a waveform of a scope and writes it as CSV.',
  options: {
    channels: { type: 'string', value: 'LIST', about: 'channels, by commas (default: those the scope shows)' },
    out: { type: 'string', value: 'FILE', about: 'the file to write; replaced if it is there (default: stdout)' },
  },
  positionals: [1, 1],
  async run(args, shell) {
    const { out, signal } = shell;
    const wanted = (args.text('channels') ?? '').split(',').filter((name) => name.trim() !== '');
    await using screen = await openScreen(args, shell);
    const { instrument } = await attach(screen, args.at(0), shell);
    // Which channels are shown: what was read when it was attached may be old.
    await screen.client.call('instrument.refresh', { instrument: instrument.id }, { signal });
    const attached = await attach(screen, args.at(0), shell);
    const names = chooseWaveforms(
      attached,
      wanted.map((name) => name.trim()),
    );
    const captured = await captureWaveform(screen, instrument.id, names, signal);
    const { channels, rows, timeNs, xOriginS, dtS } = captured;
    const about = { t: isoTimestamp(timeNs), xOriginSeconds: xOriginS, dtSeconds: dtS, samples: rows };
    const file = args.text('out');
    if (file !== undefined) {
      const path = await writeResult(file, waveformCsv(captured));
      const units = channels.map(({ name, unit }) => ({ name, unit }));
      if (args.flag('json')) await out.json({ path, ...about, channels: units });
      else await out.line(`${path}  ${rows} samples of ${channels.map(({ name }) => name).join(', ')}`);
    } else if (args.flag('json')) {
      for (const { name, unit, values } of channels) {
        // No number is not a number in JSON: null.
        await out.json({ channel: name, unit, ...about, values: Array.from(values, jsonNumber) });
      }
    } else {
      for (const text of waveformCsv(captured)) await out.line(text.slice(0, -1));
    }
    return EXIT.done;
  },
};

function jsonNumber(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
