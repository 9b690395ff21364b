import { z } from 'zod';
import type { AlarmRule } from '../../contract/alarm-schema.ts';
import type { HubParts } from '../hub-parts.ts';
import { ALARM_CONDITIONS, ALARM_TYPES } from './alarm-rule.ts';
import { KeptJson } from './kept-json.ts';

const note = z.object({
  description: z.string().nullable(),
  alarm_type: z.enum(ALARM_TYPES),
  condition: z.enum(ALARM_CONDITIONS),
  parameter: z.string(),
  threshold: z.number().nullable(),
  deadband: z.number().nullable(),
  notifications: z.array(z.string()),
  tags: z.array(z.string()),
  created_at: z.string(),
  created_by: z.string(),
});
/** What a client says of an alarm and the engine's rule does not hold. */
export type AlarmNote = z.infer<typeof note>;

const noteFile = z.object({ version: z.literal(1), notes: z.record(z.string(), note) });

/** Notes on alarms made over LabLink, by rule. Those of rules that are gone go with the next change. */
export class AlarmNotes {
  readonly #file: KeptJson<z.infer<typeof noteFile>>;
  readonly #rules: () => readonly AlarmRule[];

  constructor(parts: HubParts) {
    this.#file = new KeptJson(parts, 'lablink-alarms.json', noteFile, { version: 1, notes: {} });
    this.#rules = () => parts.bench.state.rules;
  }

  async of(rule: string): Promise<AlarmNote | undefined> {
    const { notes } = await this.#file.read();
    return Object.hasOwn(notes, rule) ? notes[rule] : undefined;
  }

  async set(rule: string, text: AlarmNote): Promise<void> {
    await this.#file.change(({ notes }) => {
      const known = new Set([rule, ...this.#rules().map(({ id }) => id)]);
      const kept = Object.fromEntries(Object.entries(notes).filter(([id]) => known.has(id)));
      return [{ version: 1, notes: { ...kept, [rule]: text } }, undefined];
    });
  }
}
