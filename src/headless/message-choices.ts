import type { ExportChoices } from '../contract/export-schema.ts';
import { ROTATE_BYTES } from '../contract/recording-schema.ts';
import { LabError } from '../core/errors.ts';
import { readSize } from '../core/size-text.ts';
import type { Arguments } from './command.ts';

/** What `--gzip`, `--no-times`, `--no-head` and `--rotate SIZE` choose for the formats of messages; what is absent was not given. Throws call.invalid: no such size. */
export function messageChoicesOf(
  args: Arguments,
): Pick<ExportChoices, 'gzip' | 'timestamps' | 'metadata' | 'rotateBytes'> {
  const rotate = args.text('rotate');
  return {
    ...(args.flag('gzip') ? { gzip: true } : {}),
    ...(args.flag('no-times') ? { timestamps: false } : {}),
    ...(args.flag('no-head') ? { metadata: false } : {}),
    ...(rotate === undefined ? {} : { rotateBytes: bytesOf(rotate) }),
  };
}

function bytesOf(text: string): number {
  const size = readSize(text, ROTATE_BYTES.least, ROTATE_BYTES.most);
  if (size.ok) return size.value;
  throw new LabError('call.invalid', `--rotate is "${text}". ${size.reason}`);
}
