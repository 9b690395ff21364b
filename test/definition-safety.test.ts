import { describe, expect, it } from 'vitest';
import { builtInFolder, definitionFiles, readDefinition } from '../src/engine/driver/definition-folder.ts';
import { judgeText } from '../src/engine/safety/judge-text.ts';
import { outputShape } from '../src/engine/safety/output-shape.ts';
import { writeForms } from '../src/engine/safety/write-form.ts';
import { openDefinitionBench } from './lab/definition-bench.ts';

/** What a person types in the dialect of a definition is judged as the control of the card that is written so. */
const folder = builtInFolder();
const feeding = definitionFiles(folder).filter((file) => {
  const { role } = readDefinition(folder, file);
  return role === 'supply' || role === 'load';
});
/** Setpoints that limits of an output are about. */
const JUDGED: Readonly<Record<string, 'maxV' | 'maxA'>> = { V: 'maxV', A: 'maxA' };

describe.each(feeding)('%s', (file) => {
  it('has every setpoint recognized that is typed, and every output switched off', async () => {
    await using bench = await openDefinitionBench(readDefinition(folder, file));
    const { driver } = bench;
    const { controls } = driver.shape;
    const outputs = outputShape(driver.shape);
    const forms = writeForms(controls, (id, value) => driver.writes?.(id, value));
    const judge = (text: string, limits: object) =>
      judgeText(text, {
        outputs,
        forms,
        states: new Map(),
        limitsOf: () => ({ unarmed: [], device: 'Board', ...limits }),
      });
    const typed = (id: string, value: number | boolean): string => driver.writes?.(id, value)?.at(-1) ?? '';

    const setpoints = controls.filter(
      ({ id, kind, unit = '' }) => /\.(set|cc)$/.test(id) && kind === 'number' && JUDGED[unit],
    );
    expect(setpoints.length).toBeGreaterThan(0);
    for (const { id, group, unit = '', max = 1 } of setpoints) {
      const limit = JUDGED[unit] ?? 'maxV';
      expect(judge(typed(id, max), { [limit]: max / 2 }), typed(id, max)).toMatchObject({
        refused: expect.stringContaining('is above'),
      });
      const allowed = judge(typed(id, max / 4), { [limit]: max / 2 });
      expect(allowed, typed(id, max / 4)).toHaveProperty('changes');
      if ('changes' in allowed) expect(allowed.changes.map((one) => one.group)).toContain(group);
    }
    for (const { id, isOutput } of controls) {
      if (isOutput) expect(judge(typed(id, false), { maxV: 1, maxA: 1 }), typed(id, false)).toHaveProperty('changes');
    }
  });
});
