import type { ControlValue } from '../../../src/core/instrument.ts';

const CONTROLS = [
  { id: 'ch1.voltage.set', group: 'ch1', label: 'Voltage', kind: 'number', unit: 'V', min: 0, max: 30 },
  { id: 'ch1.current.set', group: 'ch1', label: 'Current limit', kind: 'number', unit: 'A', min: 0, max: 5 },
  { id: 'ch1.output', group: 'ch1', label: 'Output', kind: 'switch', isOutput: true },
  { id: 'ch2.output', group: 'ch2', label: 'Output', kind: 'switch', isOutput: true },
];

export interface CommandRequest {
  equipment_id?: unknown;
  action?: unknown;
  parameters?: unknown;
}

export interface CommandAnswer {
  success: boolean;
  data?: unknown;
  error?: string;
  code?: string;
}

/** The equipment behind the server: supplies with controls that remember. */
export class Bench {
  readonly controls = new Map<string, Map<string, ControlValue>>();
  /** Outputs that stay on whatever is said: `psu/ch2.output`. */
  readonly stuck = new Set<string>();
  /** Equipment locked by somebody: id → owner. */
  readonly locks = new Map<string, string>();
  /** Every command carried out, in order. */
  readonly done: string[] = [];
  /** The answer to the emergency stop says what is off. */
  tellsOfStop = false;

  add(equipment: string): void {
    this.controls.set(
      equipment,
      new Map<string, ControlValue>([
        ['ch1.voltage.set', 5],
        ['ch1.current.set', 1],
        ['ch1.output', true],
        ['ch2.output', true],
      ]),
    );
  }

  list(streamsOf: (equipment: string) => unknown[]): unknown[] {
    return [...this.controls.keys()].map((id) => ({
      id,
      type: 'power_supply',
      manufacturer: 'Labwire',
      model: 'Test supply',
      serial_number: `SN-${id}`,
      connection_type: 'simulated',
      resource_string: `SIM::${id}`,
      nickname: `Supply ${id}`,
      connected: true,
      controls: CONTROLS,
      streams: streamsOf(id),
    }));
  }

  run(request: CommandRequest, owner: string): CommandAnswer {
    const { equipment_id: equipment, action, parameters } = request;
    if (action === 'emergency_stop') {
      this.done.push('emergency_stop');
      // As the known servers do: it forgets every channel but the first.
      for (const controls of this.controls.values()) controls.set('ch1.output', false);
      const results = [...this.controls.keys()].map((id) => ({ equipment_id: id, group: 'ch1', confirmed: true }));
      return { success: true, data: { equipment: this.controls.size, ...(this.tellsOfStop ? { results } : {}) } };
    }
    const controls = this.controls.get(String(equipment));
    if (!controls) return { success: false, error: `No equipment ${String(equipment)}.`, code: 'not_found' };
    if (action === 'read') return { success: true, data: { controls: Object.fromEntries(controls) } };
    if (action === 'command') return { success: true, data: { text: `heard ${textOf(parameters)}` } };
    if (action !== 'set') return { success: false, error: `No action ${String(action)}.`, code: 'unsupported' };
    const holder = this.locks.get(String(equipment));
    if (holder !== undefined && holder !== owner)
      return { success: false, error: `Locked by ${holder}.`, code: 'locked' };
    const { control, value } = parameters as { control: string; value: ControlValue };
    if (!controls.has(control)) return { success: false, error: `No control ${control}.`, code: 'unsupported' };
    if (control === 'ch1.voltage.set' && Number(value) > 30)
      return { success: false, error: 'Out of range: 30 V at most.', code: 'rejected' };
    this.done.push(`${String(equipment)} ${control} ${String(value)}`);
    if (!this.stuck.has(`${String(equipment)}/${control}`)) controls.set(control, value);
    return { success: true, data: { controls: Object.fromEntries(controls) } };
  }
}

function textOf(parameters: unknown): string {
  return typeof parameters === 'object' && parameters !== null && 'text' in parameters ? String(parameters.text) : '';
}
