import { type AttachOptions, attachOptions } from '../../contract/discovery-schema.ts';

/** What is in the fields of the form; '' leaves a setting to the family. */
export interface OptionsDraft {
  as: string;
  baudRate: string;
  /** `8N1` */
  frame: string;
  flow: string;
  writeTermination: string;
  readTermination: string;
}

export const EMPTY_DRAFT: OptionsDraft = {
  as: '',
  baudRate: '',
  frame: '',
  flow: '',
  writeTermination: '',
  readTermination: '',
};

const PARITIES = { N: 'none', E: 'even', O: 'odd', M: 'mark', S: 'space' } as const;

/** The options the fields say, checked by the contract; or why they cannot be used. */
export function attachOptionsOf(
  draft: OptionsDraft,
): { ok: true; options: AttachOptions } | { ok: false; reason: string } {
  const [, bits, parity, stop] = /^([5-8])([NEOMS])(1|2)$/.exec(draft.frame) ?? [];
  const line = withoutEmpty({
    baudRate: draft.baudRate.trim() === '' ? '' : Number(draft.baudRate),
    dataBits: bits === undefined ? '' : Number(bits),
    parity: parity === undefined ? '' : PARITIES[parity as keyof typeof PARITIES],
    stopBits: stop === undefined ? '' : Number(stop),
    flow: draft.flow,
  });
  const { as, writeTermination, readTermination } = draft;
  const parsed = attachOptions.safeParse({
    ...withoutEmpty({ as, writeTermination, readTermination }),
    ...(Object.keys(line).length > 0 ? { line } : {}),
  });
  if (parsed.success) return { ok: true, options: parsed.data };
  const isBaud = parsed.error.issues.some(({ path }) => path.includes('baudRate'));
  return { ok: false, reason: isBaud ? 'A baud rate is a whole number from 50 to 10,000,000.' : 'Check the settings.' };
}

function withoutEmpty(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}
