/** Which firmware is emulated. */
export type Personality = 'prologix' | 'ar488';

export interface PrologixSettings {
  auto: number;
  eoi: number;
  eos: number;
  eot_char: number;
  eot_enable: number;
  mode: number;
  read_tmo_ms: number;
  savecfg: number;
}

export type SettingName = keyof PrologixSettings;

/** As a Prologix comes out of the box (measured: BenchForge, firmware 01.06.06.00). */
export const FACTORY: Readonly<PrologixSettings> = {
  auto: 0,
  eoi: 1,
  eos: 3,
  eot_char: 0,
  eot_enable: 0,
  mode: 1,
  read_tmo_ms: 200,
  savecfg: 1,
};

const LIMITS: Record<SettingName, [min: number, max: number]> = {
  auto: [0, 1],
  eoi: [0, 1],
  eos: [0, 3],
  eot_char: [0, 255],
  eot_enable: [0, 1],
  mode: [0, 1],
  read_tmo_ms: [1, 3000],
  savecfg: [0, 1],
};

export const VERSIONS: Record<Personality, string> = {
  prologix: 'Prologix GPIB-ETHERNET Controller version 01.06.06.00',
  ar488: 'AR488 GPIB controller, ver. 0.53.03, 08/04/2025',
};

export function isSetting(name: string): name is SettingName {
  return Object.hasOwn(FACTORY, name);
}

/** Terminators of `++eos 0…3`. */
export const EOS_BYTES: readonly (readonly number[])[] = [[13, 10], [13], [10], []];

/** The value of a setting; undefined if the adapter refuses it. */
export function settingValue(name: SettingName, text: string, personality: Personality): number | undefined {
  const [min, max] = LIMITS[name];
  const isLong = personality === 'ar488' && name === 'read_tmo_ms';
  return wholeNumber(text, min, isLong ? 32_000 : max);
}

/** Primary and secondary address out of the arguments of a command; undefined if they are none. */
export function parseAddress(args: readonly string[]): { primary: number; secondary?: number } | undefined {
  const primary = wholeNumber(args[0] ?? '', 0, 30);
  if (primary === undefined || args.length > 2) return undefined;
  if (args[1] === undefined) return { primary };
  const secondary = wholeNumber(args[1], 96, 126);
  return secondary === undefined ? undefined : { primary, secondary: secondary - 96 };
}

export function wholeNumber(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
