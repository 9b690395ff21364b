import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { RawFrameBlock } from '../contract/frames.ts';
import { createBatch } from '../core/batch.ts';
import { ERROR_CODES, isErrorCode } from '../core/errors.ts';
import type { Command } from './command.ts';
import { Arguments, helpText } from './command.ts';
import { dataFolderOf } from './data-folder.ts';
import { parseDurationMs } from './duration.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { createOutput } from './output.ts';
import { samplesOf } from './sample-lines.ts';
import { isoTimestamp } from './timestamp.ts';

const command: Command = {
  name: 'try',
  usage: 'RESOURCE',
  summary: 'Tries.',
  options: {
    count: { type: 'string', value: 'N', about: 'how many' },
    channel: { type: 'string', about: 'which', multiple: true },
    'no-open': { type: 'boolean', about: 'not' },
  },
  positionals: [1, 2],
  run: async () => 0,
};

describe('arguments', () => {
  it('are read by kind', () => {
    const args = new Arguments(command, ['a', '--count', '7', '--channel', 'x', '--channel=y', '--no-open', '--json']);
    expect(args.positionals).toEqual(['a']);
    expect(args.whole('count', 1, 10)).toBe(7);
    expect(args.texts('channel')).toEqual(['x', 'y']);
    expect([args.flag('no-open'), args.flag('json'), args.flag('help')]).toEqual([true, true, false]);
    expect(args.text('data')).toBeUndefined();
  });

  it.each([[[]], [['a', 'b', 'c']], [['a', '--nope']], [['a', '--count']], [['a', '--no-open=1']]])(
    'refuse %j with the usage',
    (args) => {
      expect(() => new Arguments(command, args)).toThrow(
        expect.objectContaining({ code: 'call.invalid', message: expect.stringContaining('labwire try RESOURCE') }),
      );
    },
  );

  it.each(['0', '11', '1.5', '-1', '1e1', ''])('refuse %j as a number from 1 to 10', (text) => {
    const args = new Arguments(command, ['a', `--count=${text}`]);
    expect(() => args.whole('count', 1, 10)).toThrow(expect.objectContaining({ code: 'call.invalid' }));
  });

  it('need nothing for --help, which names every option', () => {
    expect(new Arguments(command, ['--help']).flag('help')).toBe(true);
    for (const name of ['--count N', '--channel', '--no-open', '--json', '--data DIR']) {
      expect(helpText(command)).toContain(name);
    }
  });
});

describe('durations', () => {
  it.each([
    ['10s', 10_000],
    ['500ms', 500],
    ['1.5m', 90_000],
    ['2min', 120_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['3', 3_000],
  ])('%s', (text, ms) => expect(parseDurationMs(text)).toBe(ms));

  it.each(['', 's', '10 s', '-1s', '1e3', '10x', '1,5s'])('refuse %j', (text) => {
    expect(() => parseDurationMs(text)).toThrow(expect.objectContaining({ code: 'call.invalid' }));
  });
});

describe('timestamps', () => {
  it.each([
    [0n, '1970-01-01T00:00:00.000000000Z'],
    [1_767_323_045_123_456_789n, '2026-01-02T03:04:05.123456789Z'],
    [1_767_323_045_999_999_999n, '2026-01-02T03:04:05.999999999Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
  ])('%s', (timeNs, text) => expect(isoTimestamp(timeNs)).toBe(text));
});

describe('samples of a batch', () => {
  it('are one a row and channel, with time to the nanosecond, overload and missing said', () => {
    const batch = createBatch({
      stream: 1,
      rows: 3,
      channels: 2,
      flags: 0,
      seq: 0,
      lost: 0,
      t0Ns: 1_000_000_000_000_000_123n,
      arrivedNs: 0n,
      dtS: 1e-6,
      xOriginS: 0,
    });
    batch.columns[0]?.set([3.3, Number.POSITIVE_INFINITY, Number.NaN]);
    batch.columns[1]?.set([1e-7, Number.NEGATIVE_INFINITY, 16_777_216]);
    const block: RawFrameBlock = { kind: 'raw', id: 1, isReply: false, stream: 1, channels: [2, 0], batch };
    const column = (channel: string) => ({ channel, unit: channel });
    const stream = {
      id: 1,
      key: 'i/s',
      instrument: 'i',
      epoch: 0,
      kind: 'regular' as const,
      columns: [column('A'), column('B'), column('V')],
      rateHz: 1e6,
    };
    const sample = (timeNs: bigint, name: string, rest: object) => ({
      timeNs,
      channel: `i/${name}`,
      unit: name,
      ...rest,
    });
    expect([...samplesOf(block, stream)]).toEqual([
      sample(1_000_000_000_000_000_123n, 'V', { value: 3.3 }),
      sample(1_000_000_000_000_000_123n, 'A', { value: 1e-7 }),
      sample(1_000_000_000_000_001_123n, 'V', { value: null, state: 'overload' }),
      sample(1_000_000_000_000_001_123n, 'A', { value: null, state: '-overload' }),
      sample(1_000_000_000_000_002_123n, 'V', { value: null, state: 'missing' }),
      sample(1_000_000_000_000_002_123n, 'A', { value: 16_777_216 }),
    ]);
  });
});

describe('output', () => {
  it('waits for a slow reader and gives up on one that is gone', async () => {
    const stream = new PassThrough({ highWaterMark: 8 });
    let gone = 0;
    const out = createOutput(stream, () => gone++);
    const written = out.line('more than eight bytes');
    let isWritten = false;
    void written.then(() => {
      isWritten = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isWritten).toBe(false);
    expect(String(stream.read())).toBe('more than eight bytes\n');
    await written;
    const stuck = out.line('more than eight bytes');
    stream.destroy(new Error('EPIPE'));
    await stuck;
    await out.line('nobody');
    expect(gone).toBe(1);
  });
});

describe('exit codes', () => {
  it('exist for every error', () => {
    for (const code of Object.keys(ERROR_CODES)) {
      if (isErrorCode(code)) expect(Object.values(EXIT)).toContain(exitCodeOf(code));
    }
    expect(exitCodeOf('transport.refused')).toBe(3);
    expect(exitCodeOf('call.invalid')).toBe(2);
    expect(exitCodeOf('recording.truncated')).toBe(4);
    expect(exitCodeOf('engine.port-in-use')).toBe(5);
  });
});

describe('data folder', () => {
  it("is the named one, else the desktop app's", () => {
    expect(dataFolderOf('/x/y')).toBe('/x/y');
    expect(dataFolderOf(undefined, 'linux', { XDG_CONFIG_HOME: '/cfg' })).toBe('/cfg/Labwire/lab');
    expect(dataFolderOf(undefined, 'darwin', {})).toMatch(/Library\/Application Support\/Labwire\/lab$/);
  });
});
