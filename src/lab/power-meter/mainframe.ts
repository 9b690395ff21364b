import type { Control, ControlValue } from '../../core/instrument.ts';
import type { Controls } from '../equipment.ts';
import type { OutputsOffResult } from '../lab-server.ts';
import type { RestClient, RestRequest } from '../rest-client.ts';
import { unknownControl } from './module-controls.ts';

/** Id of the mainframe as an equipment. */
export const MAINFRAME = 'mainframe';

type Field = { field: string; control: Omit<Control, 'id' | 'group'> };

interface Family {
  /** Group on the card, with the number behind it. */
  prefix: string;
  root: string;
  count: number;
  /** By the last part of the id of the control. */
  fields: ReadonlyMap<string, Field>;
}

const nm = (label: string): Field['control'] => ({ label, kind: 'number', unit: 'nm', min: 1260, max: 1640 });

const TUNABLE: Family = {
  prefix: 'tls',
  root: '/tls',
  count: 4,
  fields: new Map<string, Field>([
    ['start', { field: 'start_wavelength_nm', control: nm('Start') }],
    ['stop', { field: 'stop_wavelength_nm', control: nm('Stop') }],
    [
      'speed',
      { field: 'sweep_speed_nmps', control: { label: 'Speed', kind: 'number', unit: 'nm/s', min: 5, max: 200 } },
    ],
    [
      'power',
      { field: 'laser_power_dbm', control: { label: 'Power', kind: 'number', unit: 'dBm', min: -10, max: 10 } },
    ],
  ]),
};

const REFERENCE: Family = {
  prefix: 'laser',
  root: '/rlaser',
  count: 10,
  fields: new Map<string, Field>([
    ['output', { field: 'is_on', control: { label: 'Laser', kind: 'switch', isOutput: true } }],
    ['power', { field: 'power_dbm', control: { label: 'Power', kind: 'number', unit: 'dBm', min: -10, max: 13 } }],
    ['wavelength', { field: 'wavelength_nm', control: nm('Wavelength') }],
  ]),
};

const SWEEP: readonly Control[] = [
  { id: 'sweep.start', group: '', label: 'Start sweep', kind: 'action' },
  { id: 'sweep.abort', group: '', label: 'Abort sweep', kind: 'action' },
];

/** Sweep, tunable lasers and reference lasers of the mainframe. Lasers that do not answer are not there: the list is of those that do. */
export class Mainframe {
  readonly #rest: RestClient;
  /** Numbers that answer, by family; undefined: not looked yet. */
  #present: ReadonlyMap<Family, readonly number[]> | undefined;

  constructor(rest: RestClient) {
    this.#rest = rest;
  }

  get controls(): Control[] {
    const lasers = [...(this.#present ?? [])].flatMap(([family, numbers]) =>
      numbers.flatMap((n) => {
        const group = `${family.prefix}${n}`;
        return [...family.fields].map(
          ([name, { control }]): Control => ({ id: `${group}.${name}`, group, ...control }),
        );
      }),
    );
    return [...SWEEP, ...lasers];
  }

  /** Finds out which lasers there are; true: the list changed. Never throws. */
  async look(): Promise<boolean> {
    const present = new Map<Family, number[]>();
    for (const family of [TUNABLE, REFERENCE]) {
      const numbers: number[] = [];
      for (let n = 1; n <= family.count; n++) {
        try {
          const { status } = await this.#rest.answer(`${family.root}/${n}/config`, { timeoutMs: 5000 });
          if (status === 200) numbers.push(n);
        } catch {
          return false;
        }
      }
      present.set(family, numbers);
    }
    const before = this.controls.length;
    this.#present = present;
    return this.controls.length !== before;
  }

  /** Everything that answers. Throws server.* when one that is there does not. */
  async read(signal?: AbortSignal): Promise<Controls> {
    if (!this.#present) await this.look();
    const controls: Controls = {};
    for (const [family, numbers] of this.#present ?? []) {
      for (const n of numbers) {
        signal?.throwIfAborted();
        take(controls, family, n, await this.#rest.get(`${family.root}/${n}/config`, { signal }));
      }
    }
    return controls;
  }

  /** Sets one control and gives what of its group is read back. Throws server.*, call.invalid for one it does not have. */
  async set(control: string, value: ControlValue, request: RestRequest): Promise<Controls> {
    if (control === 'sweep.start') {
      await this.#rest.post('/measurement/sweep/start', undefined, { ...request, query: { wait: false } });
      return {};
    }
    if (control === 'sweep.abort') {
      await this.#rest.post('/measurement/sweep/abort', undefined, request);
      return {};
    }
    const [, prefix, number, name = ''] = /^(tls|laser)(\d+)\.(\w+)$/.exec(control) ?? [];
    const family = prefix === 'tls' ? TUNABLE : REFERENCE;
    const field = family.fields.get(name)?.field;
    const n = Number(number);
    if (field === undefined || !(n >= 1 && n <= family.count)) throw unknownControl(control);
    const path = `${family.root}/${n}`;
    if (name === 'output') await this.#rest.post(`${path}/${value === true ? 'on' : 'off'}`, undefined, request);
    else await this.#rest.post(`${path}/config`, { [field]: Number(value) }, request);
    const controls: Controls = {};
    take(controls, family, n, await this.#rest.get(`${path}/config`, { signal: request.signal }));
    return controls;
  }

  /** Switches every reference laser that is there off and reads each back. Never throws. */
  async outputsOff(): Promise<OutputsOffResult[]> {
    if (!this.#present) await this.look();
    const numbers = this.#present?.get(REFERENCE) ?? Array.from({ length: REFERENCE.count }, (_, index) => index + 1);
    return Promise.all(numbers.map((n) => this.#off(n)));
  }

  async #off(n: number): Promise<OutputsOffResult> {
    const group = `${REFERENCE.prefix}${n}`;
    try {
      await this.#rest.post(`/rlaser/${n}/off`, undefined, { timeoutMs: 5000 });
      const state = (await this.#rest.get(`/rlaser/${n}/config`, { timeoutMs: 5000 })) as
        | { is_on?: unknown }
        | undefined;
      if (state?.is_on === false) return { equipment: MAINFRAME, group, confirmed: true };
      return { equipment: MAINFRAME, group, confirmed: false, reason: 'The read-back does not say off.' };
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      return { equipment: MAINFRAME, group, confirmed: false, reason };
    }
  }
}

function take(controls: Controls, { prefix, fields }: Family, n: number, json: unknown): void {
  const config = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  for (const [name, { field }] of fields) {
    const value = config[field];
    if (typeof value === 'number' || typeof value === 'boolean') controls[`${prefix}${n}.${name}`] = value;
  }
}
