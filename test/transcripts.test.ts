import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DriverFamily } from '../src/engine/driver/driver.ts';
import { allFamilies, chooseFamily, familyCatalog } from '../src/engine/driver/driver-table.ts';
import { genericScpiFamily } from '../src/engine/driver/generic-scpi.ts';
import { parseIdentity } from '../src/protocol/idn.ts';
import { openTranscriptBench } from './lab/transcript-bench.ts';
import { checkLocal, checkOpening, runCheck } from './lab/transcript-check.ts';
import { readTranscript, type Transcript } from './lab/transcript-schema.ts';

const FOLDER = new URL('fixtures/transcripts/', import.meta.url).pathname;
const DEFINITIONS = new URL('../resources/instruments/', import.meta.url).pathname;

/** By what it says it is, else by its name (what does not know `*IDN?`). Undefined: nothing speaks to it yet. */
function familyOf(transcript: Transcript): DriverFamily | undefined {
  const found = chooseFamily(parseIdentity(transcript.idn));
  if (found !== genericScpiFamily) return found;
  return allFamilies().find(({ id, name }) => id === transcript.family || slug(name) === transcript.family);
}

function slug(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

// A definition whose ids or patterns no transcript meets would leave a transcript waiting for ever, and itself unproven.
it('every definition in force meets a transcript', () => {
  const met = new Set(files.map((file) => familyOf(readTranscript(join(FOLDER, file)))));
  const unmet = familyCatalog().families.filter((family) => !met.has(family));
  expect(unmet.map(({ id }) => id)).toEqual([]);
});

for (const file of files) {
  const transcript = readTranscript(join(FOLDER, file));
  const family = familyOf(transcript);
  const isDefined = existsSync(join(DEFINITIONS, file));

  describe(`${transcript.family} keeps to what its source documents`, () => {
    it('is named as its file', () => {
      expect(`${transcript.family}.yaml`).toBe(file);
    });

    if (!family) {
      if (isDefined) {
        it('has a definition, so a driver must know it by its identity', () => {
          expect.fail(`resources/instruments/${file} exists, but '${transcript.idn}' is given to the generic driver`);
        });
      } else it.todo(`no driver speaks to it yet (${transcript.checks.length} checks wait)`);
      return;
    }

    it('attaches by identity and gives the front panel back, changing nothing', async () => {
      await using bench = await openTranscriptBench(transcript, family);
      expect(checkOpening(bench, transcript)).toEqual([]);
      expect(await checkLocal(bench, transcript)).toEqual([]);
    });

    it('is known by its other names, and takes no stranger', () => {
      for (const idn of transcript.aliases) expect(chooseFamily(parseIdentity(idn)), idn).toBe(family);
      for (const idn of transcript.strangers) expect(chooseFamily(parseIdentity(idn)), idn).not.toBe(family);
    });

    for (const check of transcript.checks) {
      it(check.shows, async () => {
        await using bench = await openTranscriptBench(transcript, family);
        expect(await runCheck(bench, check, transcript)).toEqual([]);
      });
    }
  });
}
