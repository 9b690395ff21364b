import { type ErrorCode, LabError } from '../../../core/errors.ts';

/** Completion codes of viRead (VPP-4.3 table 3.3.1): how a read that worked ended. 0: END. */
export const VISA_SUCCESS_TERM_CHAR = 0x3fff0005;
export const VISA_SUCCESS_MAX_COUNT = 0x3fff0006;
/** Error codes, as unsigned numbers. */
export const VISA_ERROR = {
  system: 0xbfff0000,
  invalidObject: 0xbfff000e,
  locked: 0xbfff000f,
  notFound: 0xbfff0011,
  invalidName: 0xbfff0012,
  timeout: 0xbfff0015,
  io: 0xbfff003e,
  noListeners: 0xbfff005f,
  unsupportedOperation: 0xbfff0067,
  busy: 0xbfff0072,
  notLocked: 0xbfff009c,
  libraryNotFound: 0xbfff009e,
  interfaceNotConfigured: 0xbfff00a5,
  connectionLost: 0xbfff00a6,
} as const;

const RULES: Record<number, { code: ErrorCode; advice: string }> = {
  [VISA_ERROR.invalidObject]: { code: 'transport.closed', advice: 'The session is gone; attach the instrument again.' },
  [VISA_ERROR.locked]: { code: 'transport.busy', advice: 'Another program has locked the instrument; end it there.' },
  [VISA_ERROR.busy]: { code: 'transport.busy', advice: 'Close the other program that uses the instrument.' },
  [VISA_ERROR.notFound]: {
    code: 'transport.not-found',
    advice: "Check power and cable, and that the maker's connection tool sees it.",
  },
  [VISA_ERROR.noListeners]: {
    code: 'transport.not-found',
    advice: 'Nothing listens at this GPIB address: check the address, power and cable.',
  },
  [VISA_ERROR.interfaceNotConfigured]: {
    code: 'transport.not-found',
    advice: "Configure the interface in the maker's connection tool.",
  },
  [VISA_ERROR.libraryNotFound]: {
    code: 'transport.not-found',
    advice: "The maker's VISA lacks a part for this interface; install it again.",
  },
  [VISA_ERROR.invalidName]: { code: 'resource.malformed', advice: 'Check the resource string.' },
  [VISA_ERROR.timeout]: { code: 'transport.timeout', advice: 'The instrument did not answer in time.' },
  [VISA_ERROR.unsupportedOperation]: { code: 'transport.unsupported', advice: 'This interface cannot do that.' },
  [VISA_ERROR.notLocked]: { code: 'call.invalid', advice: 'The instrument is not locked by this program.' },
  [VISA_ERROR.connectionLost]: {
    code: 'transport.closed',
    advice: 'What was not answered is lost; attach the instrument again.',
  },
};

/** Whether a ViStatus is an error: negative as a signed number. */
export function isVisaError(status: number): boolean {
  return status >>> 31 === 1;
}

/** A status of the library as an error of ours. `description`: what viStatusDesc says. */
export function visaError(status: number, description: string, doing: string, resource: string): LabError {
  const code = status >>> 0;
  const rule = RULES[code];
  const text = description === '' ? 'no description' : description.replace(/\.?\s*$/, '');
  const shown = `0x${code.toString(16).toUpperCase()}`;
  const advice = rule?.advice ?? "Look into the maker's trace tool; then attach the instrument again.";
  return new LabError(rule?.code ?? 'transport.failed', `${doing} (${resource}): ${text} (${shown}). ${advice}`, {
    resource,
    status: shown,
  });
}
