import { LabError } from '../../core/errors.ts';

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name is not known',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ECONNRESET: 'it ended the connection',
};

/** Why the server at `origin` was not added, in words for who typed its address; errors that say it already stay as they are. */
export function addRefusal(thrown: unknown, origin: string): LabError {
  const error = LabError.from(thrown);
  if (error.code !== 'server.unreachable') return error;
  const cause = String(error.details.cause ?? '');
  const why = cause.startsWith('HPE_') ? 'what answers there speaks no HTTP' : (CAUSES[cause] ?? cause);
  return new LabError(
    'server.unreachable',
    `No lab server answers at ${origin}${why === '' ? '' : `: ${why}`}. It was not added. Check that it runs, its address and its port.`,
    error.details,
    { cause: error },
  );
}
