import { LabError } from '../../core/errors.ts';
import { attach } from '../attachment.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { resultName, writeResult } from '../result-file.ts';
import { openScreen } from '../screen.ts';

/** The picture an instrument makes of its screen, as it is: PNG or BMP. */
export const screenshot: Command = {
  name: 'screenshot',
  usage: 'RESOURCE [--out FILE]',
  summary: 'Saves a picture of the screen of an instrument.',
  options: {
    out: {
      type: 'string',
      value: 'FILE',
      about: 'the file to write; replaced if it is there (default: a new one here)',
    },
  },
  positionals: [1, 1],
  async run(args, shell) {
    const { out, say, signal } = shell;
    await using screen = await openScreen(args, shell);
    const { instrument } = await attach(screen, args.at(0), shell);
    if (!instrument.can.screenshot) {
      throw new LabError('driver.unsupported', `${instrument.label} gives no picture of its screen.`);
    }
    const { type, base64 } = await screen.client.call(
      'instrument.screenshot',
      { instrument: instrument.id },
      { signal },
    );
    const extension = type === 'image/bmp' ? 'bmp' : 'png';
    const wanted = args.text('out') ?? resultName(instrument.identity.model, extension, new Date());
    if (!wanted.toLowerCase().endsWith(`.${extension}`)) say(`The picture is a ${extension.toUpperCase()} file.`);
    const bytes = Buffer.from(base64, 'base64');
    const path = await writeResult(wanted, bytes);
    if (args.flag('json')) await out.json({ path, type, bytes: bytes.length });
    else await out.line(path);
    return EXIT.done;
  },
};
