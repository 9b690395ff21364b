import type { Identity } from '../../core/instrument.ts';

/** One maker under several names; all in small letters and digits. */
const MAKERS: [RegExp, string][] = [
  [/^(agilent|keysight|hewlettpackard|hp$)/, 'keysight'],
  [/^rigol/, 'rigol'],
  [/^siglent/, 'siglent'],
  [/^(rohdeschwarz|hameg)/, 'rohdeschwarz'],
  [/^keithley/, 'keithley'],
  [/^tektronix/, 'tektronix'],
  [/^(bk|bkprecision)$/, 'bkprecision'],
];

/** The maker whatever the spelling: `Agilent Technologies` and `Keysight Technologies` are one. */
export function makerKey(maker: string): string {
  const plain = letters(maker);
  return (
    MAKERS.find(([pattern]) => pattern.test(plain))?.[1] ??
    plain.replace(/(instruments?|technolog(y|ies)|inc|ltd|coltd|corp(oration)?|gmbh)+$/, '')
  );
}

/** Serial numbers compare without spaces and in capitals; '' for none. */
export function serialKey(serial: string): string {
  const plain = serial.replaceAll(/\s+/g, '').toUpperCase();
  return /^0*$/.test(plain) ? '' : plain;
}

/** The same for every way to one unit; undefined without a serial number: two such units cannot be told apart. */
export function unitKey({ maker, model, serial }: Identity): string | undefined {
  const number = serialKey(serial);
  return number === '' ? undefined : [makerKey(maker), letters(model), number].join('|');
}

function letters(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}
