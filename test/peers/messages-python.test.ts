import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExportChoices } from '../../src/contract/export-schema.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { exportFile } from '../../src/engine/export/export-file.ts';
import type { MessageFormat } from '../../src/engine/recording/message-log/message-format.ts';
import { openMessageLog } from '../../src/engine/recording/message-log/message-log.ts';
import { recordFormula } from '../fixtures/formula-recording.ts';
import { pythonText } from './peer-program.ts';

/*
 * The formats of messages, read by Python's own json, csv, gzip and struct: sessions as they are written live, and exports. The scripts compute anew
 * what must be there, from the formula of test/fixtures/formula-recording.ts, and print how much they compared.
 */
let folder: string;
let recording: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-message-peers-'));
  recording = await recordFormula(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Messages of the files on the command line, behind each other; the first of each must be its head. */
const READER = `
import sys, json, csv, gzip, struct, io
form, paths = sys.argv[1], sys.argv[2:]
compared = 0
def check(what, found, wanted):
    global compared
    compared += 1
    if found != wanted and not (found != found and wanted != wanted): raise SystemExit(f'{what}: {found!r}, not {wanted!r}')
def read(path):
    raw = (gzip.open if path.endswith('.gz') else open)(path, 'rb').read()
    if form == 'lablink-json': return json.loads(raw)
    if form == 'lablink-jsonl': return [json.loads(line) for line in raw.decode('utf-8').splitlines()]
    if form == 'lablink-csv':
        rows = list(csv.reader(io.StringIO(raw.decode('utf-8'), newline='')))
        check('columns', rows[0], ['timestamp', 'message_type', 'data'])
        return [{'_timestamp': time, 'type': kind, **json.loads(data)} for time, kind, data in rows[1:]]
    messages, at = [], 0
    while at < len(raw):
        (length,) = struct.unpack_from('>I', raw, at)
        messages.append(json.loads(raw[at + 4 : at + 4 + length]))
        at += 4 + length
    check('end', at, len(raw))
    return messages
messages = []
for part, path in enumerate(paths, 1):
    head, *rest = read(path)
    check('head', (head['type'], head['part']), ('metadata', part))
    messages += rest
`;

const FORMULA = `
from datetime import datetime, timedelta, timezone
START = 1_700_000_000_000_000_000
nan = float('nan')
def formula(row, channel): return ((row * 2654435761) % 65536) / 256 + channel * 1024
def f4(value): return struct.unpack('<f', struct.pack('<f', value))[0]
def iso(ns): return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=ns // 1000)).strftime('%Y-%m-%dT%H:%M:%S.%fZ')
def daq(row):
    over = 'overload' if row % 101 == 7 else '-overload' if row % 103 == 9 else None
    return [None if row % 97 == 5 else formula(row, 0), over or f4(2 * formula(row, 1) + 1), formula(row, 2)]
def daqNs(row): return START + row * 1_000_000
def supplyNs(row): return START + row * 100_000_000 + (row * 7919 % 1000) * 1000 + 1
def scopeNs(row): return START + 500_000 + row // 400 * 1_500_000_000 - 100 + row % 400 * 2
times = [message['_timestamp'] for message in messages]
check('in the order of time', times, sorted(times))
of = lambda instrument, kind: [m for m in messages if m.get('equipment_id') == instrument and m.get('stream_type') == kind]
rows = [row for row in range(5000) if not 2000 <= row < 2500]
at = 0
for message in of('daq', 'acquisition'):
    data = message['data']
    check('first', data['first_sample'], rows[at])
    check('time', message['_timestamp'], iso(daqNs(rows[at])))
    check('rate', data['sample_rate'], 1000)
    values = list(zip(*(data['channels'][name] for name in ('ai0', 'ai1', 'ai2'))))
    for row, found in zip(rows[at:], values): check(('daq', row), list(found), daq(row))
    at += len(values)
check('rows of daq', at, len(rows))
polled = of('supply', 'readings')
check('rows of supply', len(polled), 48)
for row, message in enumerate(polled):
    check('time', (message['_timestamp'], message['timestamp']), (iso(supplyNs(row)), iso(supplyNs(row))))
    check('volts', message['data']['ch1.voltage'], formula(row, 4) / 3)
    check('amperes', message['data']['ch1.current'], None if row % 10 == 3 else formula(row, 5) / 3)
    check('uncertainty', message['data']['~uncertainty'], (2_000_000 + row * 7) / 2e9)
at = 0
for message in of('scope', 'waveform'):
    check('time', message['_timestamp'], iso(scopeNs(at)))
    for value in message['data']['channels']['ch1']:
        check(('scope', at), value, formula(at, 6))
        at += 1
check('rows of scope', at, 1200)
gaps = [m for m in messages if m['type'] == 'gap']
check('gaps', [(m['equipment_id'], m['stream'], m['seq'], m['lost'], m['reason']) for m in gaps], [('daq', 'daq/data', 2500, 500, 'cable out')])
notes = [m for m in messages if m['type'] == 'event' and m['event_type'] == 'note']
check('notes', [(m['text'], m['_timestamp'], m['data']) for m in notes], [('a note, "quoted"', iso(START + 1_234_567_890), {'n': 1})])
`;

async function check(script: string, format: MessageFormat, paths: readonly string[]): Promise<number> {
  const text = await pythonText(`${READER}\n${script}\nprint(compared)`, [format, ...paths], { timeoutMs: 60_000 });
  return Number(text.trim().split('\n').at(-1));
}

const FORMATS: MessageFormat[] = ['lablink-jsonl', 'lablink-json', 'lablink-csv', 'lablink-binary'];
const CASES = FORMATS.flatMap((format) => [false, true].map((gzip) => ({ format, gzip })));

describe.each(CASES)('Python reads $format, gzip $gzip', ({ format, gzip }) => {
  it('an export in one file and in many: every value, time, gap and event', async () => {
    for (const rotateBytes of [100_000_000, 20_000]) {
      const options: ExportChoices = { gzip, rotateBytes };
      const out = join(folder, `export-${count++}.x${gzip ? '.gz' : ''}`);
      const { paths } = await exportFile({ path: recording, out, format, options });
      expect(paths.length > 1).toBe(rotateBytes === 20_000);
      expect(await check(FORMULA, format, paths)).toBeGreaterThan(4500 + 48 * 4 + 1200);
    }
  });

  it('a session as it is written live: every message, in order', async () => {
    const clock = new ManualClock(1_763_044_222_123_456_789n);
    const log = await openMessageLog({
      folder,
      session: `live ${count++}`,
      format,
      clock,
      gzip,
      rotateBytes: 10_000,
      about: { operator: 'Ada "the first", µ' },
    });
    for (let number = 0; number < 500; number++) {
      log.write({
        type: 'stream_data',
        number,
        text: `line\r\n"${number}", µ; end`,
        odd: [Number.NaN, Infinity, -Infinity],
      });
      if (number % 25 !== 0) continue;
      const before = log.stats.bytes_written;
      await clock.advance(1000);
      // The disk is real: where a file ends is known once it is written.
      await expect.poll(() => log.stats.bytes_written, { interval: 1 }).toBeGreaterThan(before);
    }
    const { paths, error } = await log.stop();
    expect(error).toBeNull();
    const script = `
check('count', len(messages), 500)
for number, message in enumerate(messages):
    check('number', (message['type'], message['number']), ('stream_data', number))
    check('text', message['text'], 'line\\r\\n"%d", µ; end' % number)
    check('odd', message['odd'], [None, 'overload', '-overload'])
check('first', messages[0]['_timestamp'], '2025-11-13T14:30:22.123456Z')
check('last but some', messages[1]['_timestamp'], '2025-11-13T14:30:23.123456Z')
`;
    expect(await check(script, format, paths)).toBeGreaterThan(1500);
  });
});
