import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DoctorReport } from '../../src/contract/discovery-schema.ts';
import { openScopes } from '../../src/core/scope.ts';
import { openFarPort } from '../conformance/far-end.ts';
import { hasSocat, openPtyPair } from '../conformance/pty-pair.ts';
import { ScriptedInstrument } from '../lab/scripted-instrument.ts';
import { jsonLines, labwire, type Outcome } from './labwire-process.ts';

vi.setConfig({ testTimeout: 90_000 });

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'labwire-cli-doctor-'));
});
afterAll(async () => {
  await rm(data, { recursive: true, force: true });
  expect(openScopes()).toEqual([]);
});

const run = (...args: string[]): Promise<Outcome> => labwire(...args, '--data', data);

describe('doctor', () => {
  it('ends with 0 for one that answers, with 3 and what to do for one that does not', async () => {
    const instrument = await ScriptedInstrument.open({ '*IDN?': 'ACME,M1,0001,1' });
    const { resource } = instrument;
    const well = await run('doctor', resource);
    expect([well.code, well.stderr]).toEqual([0, '']);
    expect(well.stdout).toContain('\nIt answers: ACME,M1,0001,1.\n');
    await instrument[Symbol.asyncDispose]();
    const ill = await run('doctor', resource, '--json');
    expect([ill.code, ill.stderr]).toEqual([3, '']);
    const [report] = jsonLines<DoctorReport>(ill.stdout);
    expect(report).toMatchObject({ isHealthy: false, idn: null, resource });
    expect(report?.checks.find(({ state }) => state === 'problem')).toMatchObject({
      id: 'port',
      fix: expect.any(String),
    });
    const nonsense = await run('doctor', 'TCPIP0::');
    expect([nonsense.code, nonsense.stderr], 'a problem is the answer').toEqual([3, '']);
  });

  it.skipIf(!hasSocat)(
    'tries line ends only when told to, and query takes what it found (skipped without socat)',
    async () => {
      await using pair = await openPtyPair();
      const far = await openFarPort(pair.theirs, () => pair.hangUp());
      let answered = 0;
      const timer = setInterval(() => {
        const questions = Buffer.from(far.received()).toString('latin1').split('\r').slice(0, -1);
        for (; answered < questions.length; answered++)
          // To the letter: one that takes LF for white space answers CRLF, too.
          if (questions[answered] === '*IDN?') void far.send(Buffer.from('ACME,PSU,7,1\r'));
      }, 5);
      const silent = await run('doctor', pair.ours);
      expect(silent.stdout).toContain('does not answer *IDN?');
      const tried = await run('doctor', pair.ours, '--try');
      // A pseudo-terminal has no rate: on a busy machine it is a later try that is answered in time.
      const [, found = ''] = /It works with (--baud \d+ --termination cr)$/m.exec(tried.stdout) ?? [];
      expect(found, tried.stdout).not.toBe('');
      const asked = await run('query', pair.ours, '*IDN?', ...found.split(' '));
      expect(asked).toEqual({ code: 0, stdout: 'ACME,PSU,7,1\n', stderr: '' });
      clearInterval(timer);
      await far.close();
    },
  );
});

describe('find and query', () => {
  it('refuse what they cannot read', async () => {
    const wrong = await Promise.all([
      run('find', '*'),
      run('find', '--scan', '10.0.0.0/8'),
      run('find', '--within', 'soon'),
      run('query', '127.0.0.1:9', '*IDN?', '--termination', 'tab'),
      run('query', '127.0.0.1:9', '*IDN?', '--baud', '1'),
    ]);
    for (const { code, stderr, stdout } of wrong)
      expect([code, stderr, stdout]).toEqual([2, expect.stringMatching(/^labwire: call\.invalid: /), '']);
    const unknown = await run('query', '127.0.0.1:9', '*IDN?', '--as', 'no such family');
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringMatching(/^labwire: driver\.unsupported: /)]);
  });

  it('scan a subnet when told to, and only then; the list filters by expression', async () => {
    const scanned = await run('find', 'TCPIP?*', '--scan', '127.0.0.77/32', '--within', '0s', '--json');
    expect([scanned.code, scanned.stdout]).toEqual([0, '']);
  });
});
