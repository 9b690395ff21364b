import { type ErrorCode, LabError } from '../../../core/errors.ts';
import { udevAdvice } from './udev-rule.ts';

/** The device has vanished. */
export function goneError(
  resource: string,
  what = 'The USB device is gone: unplugged, switched off or reset',
): LabError {
  return new LabError('transport.closed', `${what} (${resource}). What was not answered is lost; attach it again.`, {
    resource,
  });
}

export function transferTimeout(timeoutMs: number): LabError {
  return new LabError('transport.timeout', `The USB device did not answer within ${timeoutMs} ms.`, { timeoutMs });
}

const RULES: { pattern: RegExp; code: ErrorCode; advice: (vendorId: number | undefined) => string }[] = [
  {
    pattern: /permission|denied|EACCES|EPERM|access/i,
    code: 'transport.denied',
    advice: (vendorId) => udevAdvice(vendorId),
  },
  {
    pattern: /busy|EBUSY|exclusive|claimed/i,
    code: 'transport.busy',
    advice: () => 'Close the other program that uses the instrument.',
  },
  {
    pattern: /disconnected|no device|not found|ENODEV|ENOENT|gone/i,
    code: 'transport.not-found',
    advice: () => 'Plug it in and switch it on; look at the list of instruments.',
  },
  {
    pattern: /driver|not supported|unsupported/i,
    code: 'transport.denied',
    advice: (vendorId) => udevAdvice(vendorId, process.platform === 'linux' ? 'win32' : process.platform),
  },
];

/** What the system said while a device was opened. `doing` begins the message. */
export function openError(error: unknown, resource: string, doing: string, vendorId?: number): LabError {
  if (error instanceof LabError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const rule = RULES.find(({ pattern }) => pattern.test(text));
  const advice = rule?.advice(vendorId) ?? 'Plug the instrument in again, then look at the system log.';
  return new LabError(
    rule?.code ?? 'transport.failed',
    `${doing}: ${text}. Nothing is open. ${advice}`,
    { resource, system: text },
    { cause: error },
  );
}
