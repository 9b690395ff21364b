import type { LabError } from '../../core/errors.ts';

const STATUS: Readonly<Record<string, number>> = {
  'call.cancelled': 499,
  'call.denied': 403,
  'call.invalid': 400,
  'call.limit': 503,
  'call.unknown': 504,
  'driver.unsupported': 501,
  'hub.busy': 503,
  'hub.conflict': 409,
  'hub.expired': 401,
  'hub.forbidden': 403,
  'hub.key-unknown': 404,
  'hub.last-admin': 409,
  'hub.malformed': 400,
  'hub.mfa-required': 403,
  'hub.no-equipment': 404,
  'hub.no-stream': 404,
  'hub.rate-limited': 429,
  'hub.throttled': 429,
  'hub.unauthenticated': 401,
  'hub.unavailable': 503,
  'hub.unknown': 404,
  'hub.unsupported': 501,
  'hub.user-known': 409,
  'hub.user-unknown': 404,
  'instrument.locked': 409,
  'instrument.unknown': 404,
  'lock.unknown': 404,
  'recording.session-known': 409,
  'recording.session-unknown': 404,
  'recording.unknown': 404,
  'safety.refused': 409,
  'alarm.unknown': 404,
  'session.closed': 503,
  'transport.timeout': 504,
};

/** HTTP status of an error; 500 for what was not foreseen, 502 for trouble with an instrument. */
export function statusOf(error: LabError): number {
  const known = STATUS[error.code];
  if (known !== undefined) return known;
  if (error.code.startsWith('instrument.') || error.code.startsWith('transport.')) return 502;
  return error.code === 'internal.failed' ? 500 : 400;
}

/** Seconds to wait, where the error says so. */
export function retryAfterOf(error: LabError): number | undefined {
  const { retryAfterS } = error.details;
  return typeof retryAfterS === 'number' ? retryAfterS : undefined;
}

/** Body of an error in all the shapes clients of the older servers look for. */
export function errorBody(error: LabError): Record<string, unknown> {
  const retryAfter = retryAfterOf(error);
  return {
    detail: error.message,
    error: error.message,
    message: error.message,
    code: error.code,
    ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
  };
}
