import { formatNumber } from '../../protocol/definition/answer.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';

/** SCPI-99 7.2.1.4: beyond the range. */
const OVERLOAD = '9.9E+37';

/** A number as the family writes it in answers: by its pattern, or with an exponent where the pattern would lose digits. */
export function numberText(value: number, style: FamilyDefinition['simulation']['numbers']): string {
  if (Number.isNaN(value)) return '9.91E+37';
  if (!Number.isFinite(value)) return value < 0 ? `-${OVERLOAD}` : OVERLOAD;
  if (style === 'nr3') return nr3(value);
  const text = formatNumber(value, style);
  const isExact = value === 0 || Math.abs(Number(text) - value) <= Math.abs(value) * 0.02;
  return isExact || Math.abs(value) >= 0.0005 ? text : value.toExponential(6).replace('e', 'E');
}

/** `+1.23456789E+00`, always two digits of exponent. */
function nr3(value: number): string {
  const [mantissa = '0', exponent = '+0'] = value.toExponential(8).split('e');
  return `${value < 0 ? '' : '+'}${mantissa}E${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}
