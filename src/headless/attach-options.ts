import { type AttachOptions, termination } from '../contract/discovery-schema.ts';
import { LabError } from '../core/errors.ts';
import type { Arguments, CommandOption } from './command.ts';

/** Flags that say how an instrument is reached where its address does not. */
export const attachOptionFlags = {
  as: { type: 'string', value: 'FAMILY', about: 'the instrument family, in place of asking *IDN?' },
  baud: { type: 'string', value: 'N', about: 'baud rate of the serial line (default: of the family, else 9600)' },
  termination: { type: 'string', value: 'END', about: 'line end both ways: lf (default), cr, crlf, none' },
} as const satisfies Record<string, CommandOption>;

/** The options the flags of a command say; undefined where none is given. Throws call.invalid. */
export function attachOptionsOf(args: Arguments): AttachOptions | undefined {
  const as = args.text('as');
  const baudRate = args.whole('baud', 50, 10_000_000);
  const end = args.text('termination');
  const known = end === undefined ? undefined : termination.safeParse(end.toLowerCase());
  if (known && !known.success)
    throw new LabError(
      'call.invalid',
      `--termination is "${end}"; it must be one of ${termination.options.join(', ')}.`,
    );
  if (as === undefined && baudRate === undefined && end === undefined) return undefined;
  return {
    ...(as === undefined ? {} : { as }),
    ...(baudRate === undefined ? {} : { line: { baudRate } }),
    ...(known?.success ? { writeTermination: known.data, readTermination: known.data } : {}),
  };
}
