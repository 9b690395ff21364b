import { type ErrorCode, LabError } from '../../core/errors.ts';

/** What the system says (Node's `code`, or words of serialport, which gives no code), what it is for us, and what to do. */
const RULES: { pattern: RegExp; code: ErrorCode; advice: string }[] = [
  {
    pattern: /ECONNREFUSED/,
    code: 'transport.refused',
    advice:
      'The host is there, but nothing listens on this port: check the port number and that remote control is switched on.',
  },
  {
    pattern: /ENOTFOUND|EAI_AGAIN|EAI_NODATA|EAI_NONAME/,
    code: 'transport.not-found',
    advice: 'The name has no address: check the spelling, or use the IP address shown by the instrument.',
  },
  {
    pattern: /EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|ETIMEDOUT|EADDRNOTAVAIL/,
    code: 'transport.unreachable',
    advice: 'Check the cable, the address and that both are in the same network.',
  },
  {
    pattern: /cannot lock port|EBUSY|EADDRINUSE|Resource busy|Access denied/i,
    code: 'transport.busy',
    advice: 'Close the other program (terminal, other lab software) that holds the port.',
  },
  {
    pattern: /EACCES|EPERM|Permission denied|Operation not permitted/i,
    code: 'transport.denied',
    advice:
      'On Linux add yourself to the group of the device (often dialout: sudo usermod -aG dialout $USER) and log in again.',
  },
  {
    pattern: /ENOENT|ENODEV|ENXIO|No such file|No such device|File not found/i,
    code: 'transport.not-found',
    advice: 'Check the path and that the adapter is plugged in; its number may have changed.',
  },
  {
    pattern: /ENOTTY|EISDIR|Inappropriate ioctl|Is a directory|Not a (terminal|typewriter)/i,
    code: 'transport.failed',
    advice: 'This path is no serial port.',
  },
  {
    pattern: /EINVAL|Invalid argument|not supported|Invalid (parity|stop)|Operation not supported/i,
    code: 'transport.unsupported',
    advice: 'The port cannot do these line settings (Linux has no mark or space parity and no 1.5 stop bits).',
  },
  {
    pattern: /EMFILE|ENFILE/,
    code: 'transport.failed',
    advice: 'The system has no file handles left: close some instruments.',
  },
  {
    pattern: /ECONNRESET|EPIPE|ECONNABORTED|EIO|ENOTCONN|ERR_STREAM_DESTROYED|disconnected/i,
    code: 'transport.closed',
    advice: 'The instrument or the cable ended the connection: check power and cable.',
  },
];

/** An error of the system as ours. `doing` begins the message: `Cannot open TCPIP0::…`. */
export function fromOsError(error: unknown, resource: string, doing: string): LabError {
  if (error instanceof LabError) return error;
  const text = describe(error);
  const rule = RULES.find(({ pattern }) => pattern.test(text));
  const advice = rule?.advice ?? 'The connection cannot be used; try again, then look at the system log.';
  return new LabError(
    rule?.code ?? 'transport.failed',
    `${doing}: ${text}. ${advice}`,
    { resource, system: text },
    { cause: error },
  );
}

function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  const message = error.message.replace(/^Error:?\s*/, '').trim();
  return code && !message.includes(code) ? `${message} (${code})` : message;
}
