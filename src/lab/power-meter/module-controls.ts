import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue } from '../../core/instrument.ts';
import type { Controls } from '../equipment.ts';
import type { RestClient, RestRequest } from '../rest-client.ts';
import { POWER_INPUTS, powerUnit } from './power-rows.ts';

/** Controls of one module. The wavelength is that of the received light; the resolution is of the whole mainframe. */
export const MODULE_CONTROLS: readonly Control[] = [
  { id: 'unit', group: '', label: 'Unit', kind: 'choice', choices: ['dBm', 'mW'] },
  { id: 'wavelength', group: '', label: 'Wavelength', kind: 'number', unit: 'nm', min: 1240, max: 1680 },
  { id: 'resolution', group: '', label: 'Sampling of sweeps', kind: 'number', unit: 'pm', min: 0.02, max: 250 },
  ...POWER_INPUTS.map(
    (input, index): Control => ({
      id: `ch${index + 1}.reference`,
      group: `ch${index + 1}`,
      label: `Take reference of ${input}`,
      kind: 'action',
    }),
  ),
];

/** Read by the configuration call: `GET /detector/wavelength` fails on the simulated instrument. Throws server.*. */
export async function readModule(rest: RestClient, module: number, signal?: AbortSignal): Promise<Controls> {
  const json = await rest.get('/detector/config', { query: { module, channel: 1 }, signal });
  const config = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const controls: Controls = {};
  if (typeof config.power_unit === 'string') controls.unit = powerUnit(config.power_unit);
  if (typeof config.wavelength_nm === 'number') controls.wavelength = config.wavelength_nm;
  if (typeof config.resolution_pm === 'number') controls.resolution = config.resolution_pm;
  return controls;
}

/** Sets one control of a module, on all four detectors where it is theirs. Throws server.*, and call.invalid for a control it does not have. */
export async function setModule(
  rest: RestClient,
  module: number,
  control: string,
  value: ControlValue,
  request: RestRequest,
): Promise<Controls> {
  const reference = /^ch([1-4])\.reference$/.exec(control)?.[1];
  if (reference !== undefined) {
    await rest.post('/detector/reference', undefined, { ...request, query: { module, channel: Number(reference) } });
    return readModule(rest, module, request.signal);
  }
  for (let channel = 1; channel <= 4; channel++) {
    const query = { module, channel };
    if (control === 'unit') {
      await rest.post('/detector/config', { power_unit: String(value).toUpperCase() }, { ...request, query });
    } else if (control === 'wavelength') {
      await rest.post('/detector/wavelength', undefined, {
        ...request,
        query: { ...query, wavelength_nm: Number(value) },
      });
    } else if (control === 'resolution') {
      await rest.post('/detector/config', { resolution_pm: Number(value) }, { ...request, query });
      break;
    } else throw unknownControl(control);
  }
  return readModule(rest, module, request.signal);
}

/** For a control no card shows. */
export function unknownControl(control: string): LabError {
  return new LabError('call.invalid', `The power meter has no control ${control}. Nothing was sent.`, { control });
}
