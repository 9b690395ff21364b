import { LabError } from '../../core/errors.ts';
import { isoOf } from '../server-time.ts';

/** Words of the protocol for what went wrong (section 5.9). */
const CODES: Readonly<Record<string, string>> = {
  'call.cancelled': 'cancelled',
  'call.denied': 'forbidden',
  'call.expired': 'expired',
  'call.invalid': 'invalid',
  'call.limit': 'busy',
  'call.unknown': 'timeout',
  'driver.unsupported': 'unsupported',
  'hub.busy': 'busy',
  'hub.expired': 'unauthorized',
  'hub.forbidden': 'forbidden',
  'hub.malformed': 'malformed',
  'hub.no-equipment': 'not_found',
  'hub.no-stream': 'not_found',
  'hub.rate-limited': 'rate_limited',
  'hub.unauthenticated': 'unauthorized',
  'hub.unknown': 'not_found',
  'hub.unsupported': 'unsupported',
  'instrument.busy': 'busy',
  'instrument.detached': 'not_found',
  'instrument.locked': 'locked',
  'instrument.rejected': 'rejected',
  'instrument.unknown': 'not_found',
  'link.closed': 'unavailable',
  'recording.session-unknown': 'not_found',
  'recording.unknown': 'not_found',
  'safety.refused': 'refused',
  'safety.unconfirmed': 'unconfirmed',
  'server.busy': 'locked',
  'server.denied': 'forbidden',
  'server.timeout': 'timeout',
  'server.unsupported': 'unsupported',
  'transport.closed': 'unavailable',
  'transport.timeout': 'timeout',
  'transport.unsupported': 'unsupported',
};

/** Code of an error on the wire. */
export function wireCode(error: LabError): string {
  return CODES[error.code] ?? (error.code === 'internal.failed' ? 'internal' : 'rejected');
}

/** An `error` message in all the shapes clients of the older servers look for. */
export function errorBody(
  thrown: unknown,
  nowNs: bigint,
  re: string | number | undefined,
): { type: 'error' } & Record<string, unknown> {
  const error = LabError.from(thrown);
  const { retryAfterS } = error.details;
  return {
    type: 'error',
    ...(re === undefined ? {} : { re }),
    code: wireCode(error),
    message: error.message,
    error: error.message,
    detail: error.message,
    recoverable: error.code !== 'internal.failed',
    ...(typeof retryAfterS === 'number' ? { retry_after: retryAfterS } : {}),
    timestamp: isoOf(nowNs),
  };
}
