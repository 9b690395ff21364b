import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExportChoices, ExportFormat } from '../../src/contract/export-schema.ts';
import { type ExportTask, exportFile } from '../../src/engine/export/export-file.ts';
import { recordFormula } from '../fixtures/formula-recording.ts';
import { peerText, pythonText } from './peer-program.ts';

/*
 * Readers no one here wrote: Python's own csv, json, wave and zipfile, NumPy, h5py, pandas and h5dump. Each script computes every value and time
 * anew from the formula of test/fixtures/formula-recording.ts and compares; it prints how many it compared.
 */
let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-export-peers-'));
  path = await recordFormula(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(format: ExportFormat, options: ExportChoices = {}, more: Partial<ExportTask> = {}): Promise<string> {
  const out = join(folder, `${format}-${Object.values(options).join('-')}.${format}`);
  await exportFile({ path, out, format, options, ...more });
  return out;
}

/** The recording, in Python. Streams: name -> (time of a row, rows, [(channel, value of a row)]); f4 rounds as Float32 does. */
const FORMULA = `
import sys, math, struct, json
START = 1_700_000_000_000_000_000
def formula(row, channel): return ((row * 2654435761) % 65536) / 256 + channel * 1024
def f4(value): return struct.unpack('<f', struct.pack('<f', value))[0]
nan, inf = float('nan'), float('inf')
def ai1(row):
    sample = inf if row % 101 == 7 else -inf if row % 103 == 9 else formula(row, 1)
    return f4(2 * sample + 1)
SEGMENT = 400
STREAMS = {
  'daq/data': (lambda row: START + row * 1_000_000, [row for row in range(5000) if not 2000 <= row < 2500], [
    ('daq/ai0', lambda row: nan if row % 97 == 5 else f4(formula(row, 0))), ('daq/ai1', ai1), ('daq/ai2', lambda row: f4(formula(row, 2)))]),
  'aux/data': (lambda row: START + row * 3_000_000, list(range(1500)), [('aux/temp', lambda row: formula(row, 3) / 7)]),
  'supply/polled': (lambda row: START + row * 100_000_000 + (row * 7919 % 1000) * 1000 + 1, list(range(48)), [
    ('supply/ch1.voltage', lambda row: formula(row, 4) / 3), ('supply/ch1.current', lambda row: nan if row % 10 == 3 else formula(row, 5) / 3)]),
  'scope/waveform': (lambda row: START + 500_000 + row // SEGMENT * 1_500_000_000 - 100 + row % SEGMENT * 2, list(range(3 * SEGMENT)), [
    ('scope/ch1', lambda row: f4(formula(row, 6)))]),
}
CHANNELS = [name for _, _, channels in STREAMS.values() for name, _ in channels]
FLOAT32 = {'daq/ai0', 'daq/ai1', 'daq/ai2', 'scope/ch1'}
def merged():
    rows = {}
    for timeOf, own, channels in STREAMS.values():
        for row in own:
            cells = rows.setdefault(timeOf(row), {})
            for name, value in channels: cells[name] = value(row)
    return sorted(rows.items())
def span(row): return 2_000_000 + row * 7
def iso(ns):
    import datetime
    whole = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc)
    return whole.strftime('%Y-%m-%dT%H:%M:%S') + '.%09dZ' % (ns % 10**9)
def same(a, b): return a == b or (a != a and b != b)
compared = 0
def check(what, found, wanted):
    global compared
    compared += 1
    if not same(found, wanted): raise SystemExit(f'{what}: {found!r}, not {wanted!r}')
`;

async function check(script: string, args: string[]): Promise<number> {
  const text = await pythonText(`${FORMULA}\n${script}\nprint(compared)`, args, { timeoutMs: 60_000 });
  return Number(text.trim().split('\n').at(-1));
}

const VALUES = 4500 * 3 + 1500 + 48 * 2 + 1200;

describe('Python', () => {
  it('csv reads a wide table', async () => {
    const script = `
import csv
def cell(name, text):
    if text in ('', 'OL', '-OL'): return {'': nan, 'OL': inf, '-OL': -inf}[text]
    return f4(float(text)) if name in FLOAT32 else float(text)
with open(sys.argv[1], newline='', encoding='utf-8') as file:
    reader = csv.reader(file)
    head = next(reader)
    check('head', head, ['time', 'elapsed [s]', 'daq/ai0 [V]', 'daq/ai1 [bar]', 'daq/ai2 [A]', 'aux/temp [degC]', 'supply/ch1.voltage [V]', 'supply/ch1.current [A]', 'scope/ch1 [V]'])
    rows = list(reader)
expected = merged()
check('rows', len(rows), len(expected))
for row, (ns, cells) in zip(rows, expected):
    check('time', row[0], iso(ns))
    check('elapsed', round(float(row[1]) * 1e9), ns - START)
    for name, text in zip(CHANNELS, row[2:]): check((ns, name), cell(name, text), cells.get(name, nan))
`;
    expect(await check(script, [await run('csv')])).toBeGreaterThan(VALUES);
  });

  it('csv and pandas read decimal commas, a row of units, and a long table', async () => {
    const german = `
import pandas
table = pandas.read_csv(sys.argv[1], sep=';', decimal=',', skiprows=[1], na_values=[''], keep_default_na=False, float_precision='round_trip')
units = pandas.read_csv(sys.argv[1], sep=';', nrows=1, header=None, skiprows=1).iloc[0].tolist()
check('units', units[2:], ['degC', 'V', 'A'])
check('columns', list(table.columns), ['time', 'elapsed', 'aux/temp', 'supply/ch1.voltage', 'supply/ch1.current'])
expected = {}
for key in ('aux/data', 'supply/polled'):
    timeOf, rows, channels = STREAMS[key]
    for row in rows:
        for name, value in channels: expected.setdefault(timeOf(row), {})[name] = value(row)
expected = sorted(expected.items())
check('rows', len(table), len(expected))
for index, (ns, cells) in enumerate(expected):
    check('time', table['time'][index], iso(ns))
    for name in list(table.columns)[2:]: check((ns, name), float(table[name][index]), cells.get(name, nan))
`;
    const channels = ['aux/temp', 'supply/ch1.voltage', 'supply/ch1.current'];
    const table = await run('csv', { separator: ';', decimal: ',', unitsRow: true }, { channels });
    expect(await check(german, [table])).toBeGreaterThan(1500 * 3);
    const long = `
import csv
with open(sys.argv[1], newline='') as file: rows = list(csv.DictReader(file))
expected = [(ns, name, cells[name]) for ns, cells in merged() for name in CHANNELS if name in cells]
check('rows', len(rows), len(expected))
for row, (ns, name, value) in zip(rows, expected):
    text = row['value']
    found = {'': nan, 'OL': inf, '-OL': -inf}[text] if text in ('', 'OL', '-OL') else float(text)
    check('time', row['time'], iso(ns))
    check('channel', row['channel'], name)
    check((ns, name), f4(found) if name in FLOAT32 else found, value)
`;
    expect(await check(long, [await run('csv', { shape: 'long' })])).toBe(1 + 3 * VALUES);
  });

  it('json reads lines and a document, and pandas the lines', async () => {
    const script = `
def cell(name, value):
    if value is None: return nan
    if isinstance(value, str): return {'OL': inf, '-OL': -inf}[value]
    return f4(value) if name in FLOAT32 else float(value)
expected = merged()
lines = [json.loads(line) for line in open(sys.argv[1], encoding='utf-8')]
document = json.load(open(sys.argv[2], encoding='utf-8'))
check('lines', len(lines), len(expected))
check('rows', len(document['rows']), len(expected))
names = [column['name'] for column in document['columns']]
check('names', names, ['time', 'elapsed_s'] + CHANNELS)
for line, row, (ns, cells) in zip(lines, document['rows'], expected):
    check('time', (line['time'], row[0]), (iso(ns), iso(ns)))
    check('keys', set(line) - {'time', 'elapsed_s'}, set(cells))
    for name, value in cells.items(): check((ns, name), cell(name, line[name]), value)
    for name, value in zip(CHANNELS, row[2:]): check((ns, name), cell(name, value), cells.get(name, nan))
import pandas
frame = pandas.read_json(sys.argv[1], lines=True)
check('frame', len(frame), len(expected))
`;
    expect(await check(script, [await run('jsonl'), await run('json')])).toBeGreaterThan(2 * VALUES);
  });

  it('NumPy reads a structured array and an archive', async () => {
    const npy = `
import numpy
table = numpy.load(sys.argv[1], allow_pickle=False, mmap_mode='r')
check('names', list(table.dtype.names), ['time_ns'] + CHANNELS)
expected = merged()
check('rows', len(table), len(expected))
for name in CHANNELS: check(name, table.dtype[name], numpy.dtype('<f4' if name in FLOAT32 else '<f8'))
for row, (ns, cells) in zip(table, expected):
    check('time', int(row['time_ns']), ns)
    for name in CHANNELS: check((ns, name), float(row[name]), cells.get(name, nan))
`;
    expect(await check(npy, [await run('npy')])).toBeGreaterThan(VALUES);
    const npz = `
import numpy, zipfile
check('zip', zipfile.ZipFile(sys.argv[1]).testzip(), None)
archive = numpy.load(sys.argv[1], allow_pickle=False)
for key, (timeOf, rows, channels) in STREAMS.items():
    times = archive[key + '/time_ns']
    check(key, times.tolist(), [timeOf(row) for row in rows])
    for name, value in channels:
        column = archive[key + '/' + name.split('/')[1]]
        check(name, column.dtype, numpy.dtype('<f4' if name in FLOAT32 else '<f8'))
        for found, row in zip(column.tolist(), rows): check((key, name, row), found, value(row))
check('gap', archive['daq/data/gap_rows'].tolist(), [2000])
check('segments', archive['scope/waveform/segment_rows'].tolist(), [0, 400, 800])
for row in range(48):
    check('sent', int(archive['supply/polled/sent_ns'][row]), STREAMS['supply/polled'][0](row) - span(row) // 2)
    check('received', int(archive['supply/polled/received_ns'][row]), STREAMS['supply/polled'][0](row) - span(row) // 2 + span(row))
facts = json.loads(archive['labwire.json'])
check('facts', [channel['name'] for channel in facts['channels']], CHANNELS)
`;
    expect(await check(npz, [await run('npz', { provenance: true })])).toBeGreaterThan(VALUES);
  });

  it('h5py and h5dump read the HDF5 file', async () => {
    const file = await run('hdf5', { provenance: true });
    const script = `
import h5py, numpy
file = h5py.File(sys.argv[1], 'r')
for key, (timeOf, rows, channels) in STREAMS.items():
    group = file[key]
    check(key, group.attrs['key'], key)
    check(key, int(group.attrs['t0_ns']), timeOf(rows[0]))
    check(key, group['time_ns'][:].tolist(), [timeOf(row) for row in rows])
    for name, value in channels:
        dataset = group[name.split('/')[1]]
        check(name, dataset.dtype, numpy.dtype('<f4' if name in FLOAT32 else '<f8'))
        check(name, dataset.maxshape, (None,))
        check(name, dataset.attrs['channel'], name)
        for found, row in zip(dataset[:].tolist(), rows): check((key, name, row), found, value(row))
check('unit', (file['daq/data/ai1'].attrs['unit'], file['daq/data/ai1'].attrs['label']), ('bar', 'Pressure'))
check('gap', file['daq/data/gap_rows'][:].tolist(), [2000])
check('sent', file['supply/polled/sent_ns'][:].tolist(), [STREAMS['supply/polled'][0](row) - span(row) // 2 for row in range(48)])
texts = [text.decode() for text in file['events/text'][:]]
check('note', 'a note, "quoted"' in texts, True)
check('facts', json.loads(file['labwire'][()])['recording']['name'], 'formula')
`;
    expect(await check(script, [file])).toBeGreaterThan(VALUES);
    const dump = await peerText('h5dump', ['-d', '/aux/data/temp', '-s', '7', '-c', '2', '-m', '%.17g', '-y', file]);
    const [first, second] = [7, 8].map((row) => (((row * 2_654_435_761) % 65_536) / 256 + 3072) / 7);
    const numbers = (dump.split('DATA {')[1]?.match(/\d+\.\d+/g) ?? []).slice(0, 2).map(Number);
    expect(numbers).toEqual([first, second]);
  });

  it('wave reads 16-bit samples, NumPy the others', async () => {
    const pcm = `
import wave
file = wave.open(sys.argv[1])
check('shape', (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()), (2, 2, 1000, 5000))
frames = struct.unpack('<10000h', file.readframes(5000))
_, rows, channels = STREAMS['daq/data']
present = set(rows)
for row in range(5000):
    for index in (0, 1):
        value = channels[index][1](row) if row in present else nan
        wanted = 0 if value != value else max(-32767, min(32767, math.floor(value / 2000 * 32767 + 0.5))) if abs(value) != inf else int(math.copysign(32767, value))
        check((row, index), frames[row * 2 + index], wanted)
`;
    const channels = ['daq/ai0', 'daq/ai1'];
    expect(await check(pcm, [await run('wav', { wavSamples: 'pcm16', fullScale: 2000 }, { channels })])).toBe(10_001);
    const float = `
import numpy
data = open(sys.argv[1], 'rb').read()
at = data.index(b'data')
size = struct.unpack('<I', data[at + 4:at + 8])[0]
frames = numpy.frombuffer(data[at + 8:at + 8 + size], '<f4')
check('size', len(frames), 1500)
for row, found in enumerate(frames.tolist()): check(row, found, f4(formula(row, 3) / 7))
`;
    // Full scale 1: the values as they are.
    expect(await check(float, [await run('wav', { fullScale: 1 }, { channels: ['aux/temp'] })])).toBe(1501);
  });
});
