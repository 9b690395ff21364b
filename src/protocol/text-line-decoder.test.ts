import { expect, test } from 'vitest';
import { TextLineDecoder, type TextLineOptions } from './text-line-decoder.ts';

interface Heard {
  rows: number[][];
  marked: string[];
  names: string[][];
  decoder: TextLineDecoder;
}

function hear(options: Partial<TextLineOptions> = {}): Heard & { push(text: string): void } {
  const rows: number[][] = [];
  const marked: string[] = [];
  const names: string[][] = [];
  const decoder = new TextLineDecoder({
    dropsFirst: false,
    ...options,
    sink: {
      rows(columns, count) {
        for (let row = 0; row < count; row++) rows.push(columns.map((column) => column[row] ?? 0));
      },
      marked: (text) => marked.push(text),
      names: (list) => names.push(list),
    },
  });
  return { rows, marked, names, decoder, push: (text) => decoder.push(new TextEncoder().encode(text)) };
}

test.each([
  ['1 2 3\n', 'blanks'],
  ['1\t2\t3\n', 'tabs'],
  ['1,2,3\r\n', 'commas, CR LF'],
  ['1;2;3\n', 'semicolons'],
  ['  1 , 2 ,\t3  \n', 'commas among blanks'],
  ['1,2,3,\n', 'comma at the end'],
  ['a:1 b:2 c:3\n', 'labels'],
])('%j (%s)', (line) => {
  const { push, rows, decoder } = hear();
  push(line);
  push(line);
  expect(rows).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
  expect(decoder.malformed).toBe(0);
});

test('labels and header lines give names', () => {
  const labelled = hear();
  labelled.push('volts:1.5,amps:2\nvolts:1.6,amps:3\nvolts:1,watts:2\n');
  expect(labelled.names).toEqual([['volts', 'amps']]);
  expect(labelled.rows).toEqual([
    [1.5, 2],
    [1.6, 3],
  ]);
  expect(labelled.decoder.malformed).toBe(1);
  const headed = hear();
  headed.push('"volts",amps\n1,2\n');
  expect(headed.names).toEqual([['volts', 'amps']]);
  expect(headed.rows).toEqual([[1, 2]]);
});

test('a boot message does not decide the number of fields', () => {
  const { push, rows } = hear();
  push('DAQ ready\n1,2,3\n');
  expect(rows).toEqual([[1, 2, 3]]);
});

test('missing fields, nan and inf', () => {
  const { push, rows, decoder } = hear({ columns: 3 });
  push('1,,3\n,2,3\nnan,inf,-inf\n');
  expect(rows).toEqual([
    [1, Number.NaN, 3],
    [Number.NaN, 2, 3],
    [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ]);
  expect(decoder.malformed).toBe(0);
});

test('malformed lines are counted and cost no row', () => {
  const { push, rows, decoder } = hear();
  push('1,2\n1,2,3\n1\n1,x\n1.2.3,4\n0x10,1\n\n3,4\n');
  expect(rows).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(decoder.malformed).toBe(5);
});

test('the first, partial line is dropped', () => {
  const { push, rows, decoder } = hear({ dropsFirst: true });
  push('34,5');
  push('6\n1,2\n');
  expect(rows).toEqual([[1, 2]]);
  expect(decoder.malformed).toBe(0);
});

test('marked lines come in their place', () => {
  const order: string[] = [];
  const decoder = new TextLineDecoder({
    dropsFirst: false,
    sink: { rows: (_, count) => order.push(`rows ${count}`), marked: (text) => order.push(text) },
  });
  decoder.push(new TextEncoder().encode('1,2\n1,2\n#lost 5\n1,2\n'));
  expect(order).toEqual(['rows 2', 'lost 5', 'rows 1']);
});

test('a line over the limit is thrown away up to its end, however it comes', () => {
  for (const piece of [1, 7, 5000]) {
    const { push, rows, decoder } = hear({ maxLineBytes: 100, columns: 1 });
    const text = `1\n${'9'.repeat(1000)}\n2\n`;
    for (let at = 0; at < text.length; at += piece) push(text.slice(at, at + piece));
    expect(rows).toEqual([[1], [2]]);
    expect(decoder.malformed).toBe(1);
  }
});

test('chunks may end anywhere: the same rows, names and marks', () => {
  const text = 'a:1 b:-2.5e-3\r\na:3.25 b:4\n# note\na:x b:1\na:0.1 b:1e30\n';
  const whole = hear();
  whole.push(text);
  for (const piece of [1, 2, 3, 5, 17]) {
    const heard = hear();
    for (let at = 0; at < text.length; at += piece) heard.push(text.slice(at, at + piece));
    expect([heard.rows, heard.marked, heard.names, heard.decoder.malformed]).toEqual([
      whole.rows,
      whole.marked,
      whole.names,
      1,
    ]);
  }
  expect(whole.rows).toEqual([
    [1, -0.0025],
    [3.25, 4],
    [0.1, 1e30],
  ]);
});

test('more rows than fit are handed on in pieces', () => {
  const { push, rows } = hear({ maxRows: 4 });
  push(Array.from({ length: 11 }, (_, i) => `${i}\n`).join(''));
  expect(rows.map(([value]) => value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('random bytes never throw, and a good line after them is read', () => {
  let seed = 99;
  const next = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed >>> 24;
  };
  const { decoder, rows } = hear({ columns: 2, maxLineBytes: 64 });
  for (let round = 0; round < 300; round++) decoder.push(Uint8Array.from({ length: next() }, next));
  rows.length = 0;
  decoder.push(new TextEncoder().encode('\n7,8\n'));
  expect(rows.at(-1)).toEqual([7, 8]);
});
