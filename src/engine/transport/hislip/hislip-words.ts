import { LabError } from '../../../core/errors.ts';
import { ERRORS, FATAL, FATAL_ERRORS } from '../../../protocol/hislip.ts';

/** What the instrument said with a fatal error (IVI-6.1 Table 14), and what to do. The connection is gone. */
export function fatalError(resource: string, code: number, payload: Uint8Array): LabError {
  const what = FATAL_ERRORS[code] ?? `an error of its own (${code})`;
  const advice =
    code === FATAL.maximumClients
      ? 'Close other programs that use it, or switch it off and on.'
      : code === FATAL.secureConnectionFailed
        ? 'Check the security settings of the instrument and the certificate and credentials given here.'
        : 'Attach it again; if it stays, switch the instrument off and on.';
  return new LabError(
    code === FATAL.maximumClients ? 'transport.busy' : 'transport.failed',
    `${resource} ended the connection: it reports ${what}${said(payload)}. What was not answered is lost. ${advice}`,
    { resource, fatalError: code },
  );
}

/** What the instrument said with an error that is not fatal (Table 16): one message was not taken. */
export function refusal(resource: string, code: number, payload: Uint8Array): LabError {
  const what = ERRORS[code] ?? `an error of its own (${code})`;
  return new LabError(
    code === 1 || code === 2 || code === 3 ? 'transport.unsupported' : 'protocol.malformed',
    `${resource} did not take a message: it reports ${what}${said(payload)}. That message had no effect; the connection goes on.`,
    { resource, error: code },
  );
}

/** The connection ended, from this side or the other. */
export function closedBy(resource: string, what: string): LabError {
  return new LabError('transport.closed', `${what} (${resource}). What was not answered is lost; attach it again.`, {
    resource,
  });
}

/** No answer to something that is answered at once. */
export function noAnswer(resource: string, what: string, ms: number): LabError {
  return new LabError(
    'transport.timeout',
    `${resource} did not answer ${what} within ${ms} ms. Nothing can be said about it; try again, and if it stays attach it again.`,
    { resource, timeoutMs: ms },
  );
}

/** It spoke, but not as the standard says. */
export function oddAnswer(resource: string, what: string): LabError {
  return new LabError(
    'transport.failed',
    `${resource} breaks the HiSLIP protocol: ${what}. The connection was given up so that no wrong answer is used. Attach it again; VXI-11 or a raw socket may work better.`,
    { resource },
  );
}

function said(payload: Uint8Array): string {
  const text = new TextDecoder()
    .decode(payload.subarray(0, 200))
    .replace(/[^ -~]+/g, ' ')
    .trim();
  return text === '' ? '' : ` ("${text}")`;
}
