import type { Control } from '../../core/instrument.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import type { PowerMeterStatus } from '../../protocol/lab/power-meter-message.ts';
import { POWER_INTERVAL_S } from '../../protocol/lab/power-meter-request.ts';
import type { Equipment } from '../equipment.ts';
import { MAINFRAME } from './mainframe.ts';
import { MODULE_CONTROLS } from './module-controls.ts';
import { powerColumns } from './power-rows.ts';

export interface PowerMeterParts {
  status: PowerMeterStatus | undefined;
  /** As it last called itself. */
  instrumentId: string | undefined;
  modules: readonly { module: number; words: Readonly<Record<string, string>> }[];
  intervalMs: number;
  mainframe: { controls: Control[]; words: Readonly<Record<string, string>> };
}

/** The power meter as equipment: one for each module, and its mainframe. */
export function powerMeterEquipment({
  status,
  instrumentId,
  modules,
  intervalMs,
  mainframe,
}: PowerMeterParts): Equipment[] {
  const identity = parseIdentity(instrumentId ?? 'EXFO,CTP10,,');
  const common = { isConnected: status?.connected ?? false, resource: status?.address ?? '' };
  return [
    ...modules.map(({ module, words }): Equipment => {
      const serial = identity.serial === '' ? '' : `${identity.serial}-${module}`;
      return {
        id: `module${module}`,
        identity: { ...identity, model: `${identity.model} module ${module}`, serial },
        label: `Power meter, module ${module}`,
        shape: shapeOf('meter', [...MODULE_CONTROLS]),
        streams: [
          {
            name: 'power',
            columns: powerColumns('dBm'),
            defaultIntervalMs: intervalMs,
            minIntervalMs: POWER_INTERVAL_S.min * 1000,
            maxIntervalMs: POWER_INTERVAL_S.max * 1000,
          },
        ],
        ...common,
        status: words,
      };
    }),
    {
      id: MAINFRAME,
      identity,
      label: `${identity.model} mainframe`,
      shape: shapeOf('unknown', mainframe.controls),
      streams: [],
      ...common,
      status: mainframe.words,
    },
  ];
}

function shapeOf(role: 'meter' | 'unknown', controls: Control[]): Equipment['shape'] {
  return { role, controls, polled: [], maxPollHz: 1, defaultPollHz: 1, commands: [], waveforms: [] };
}
