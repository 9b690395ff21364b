import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { TeleplotDecoder } from './teleplot-decoder.ts';

function decode(
  text: string,
  isSerial = false,
  size = text.length,
): { points: unknown[]; texts: string[]; malformed: number } {
  const points: unknown[] = [];
  const texts: string[] = [];
  const decoder = new TeleplotDecoder({
    isSerial,
    dropsFirst: false,
    sink: { point: (...point) => points.push(point), text: (line) => texts.push(line) },
  });
  const data = new TextEncoder().encode(text);
  for (let at = 0; at < data.length; at += size) decoder.push(data.subarray(at, at + size));
  return { points, texts, malformed: decoder.malformed };
}

describe('Teleplot', () => {
  it.each([
    ['myValue:1234', [['myValue', undefined, 1234, undefined]]],
    ['myValue:1234|', [['myValue', undefined, 1234, undefined]]],
    ['myValue:12.34e+2', [['myValue', undefined, 1234, undefined]]],
    ['myValue:1627551892437:1234', [['myValue', 1627551892437, 1234, undefined]]],
    ['myValue:1234§km²', [['myValue', undefined, 1234, 'km²']]],
    ['myValue:1:-0.5|np', [['myValue', 1, -0.5, undefined]]],
    [
      'myValue:444:1;555:2;666:3§rad',
      [
        ['myValue', 444, 1, 'rad'],
        ['myValue', 555, 2, 'rad'],
        ['myValue', 666, 3, 'rad'],
      ],
    ],
    [
      'trajectory:12.3:45.67|xy',
      [
        ['trajectory.x', undefined, 12.3, undefined],
        ['trajectory.y', undefined, 45.67, undefined],
      ],
    ],
    [
      't:1:2:100;3:4:200|xy,np',
      [
        ['t.x', 100, 1, undefined],
        ['t.y', 100, 2, undefined],
        ['t.x', 200, 3, undefined],
        ['t.y', 200, 4, undefined],
      ],
    ],
  ])('%s', (line, points) => {
    const expected = { points, texts: [], malformed: 0 };
    expect(decode(`${line}\n`)).toEqual(expected);
    expect(decode(`${line}\r\n`, false, 1)).toEqual(expected);
    expect(decode(`>${line}\n`, true)).toEqual(expected);
  });

  it('texts, logs and shapes are no numbers', () => {
    expect(decode('state:Turned On|t\nstate:99:Off|t\n>:Hello world\n>1627551892437:Hi\n3D|cube:S:cube\n')).toEqual({
      points: [],
      texts: ['state: Turned On', 'state: Off', 'Hello world', 'Hi'],
      malformed: 0,
    });
  });

  it('on a serial line what has no mark is the program talking', () => {
    expect(decode('booting: 1\n>v:1\n', true)).toEqual({
      points: [['v', undefined, 1, undefined]],
      texts: ['booting: 1'],
      malformed: 0,
    });
  });

  it.each(['v:hello', 'v', 'v:1:2:3', ':1', 'v:1;x', 'a|b:1', `${'n'.repeat(65)}:1`])('counts %j', (line) => {
    expect(decode(`${line}\nok:1\n`)).toMatchObject({ malformed: 1 });
    expect(decode(`${line}\nok:1\n`).points.at(-1)).toEqual(['ok', undefined, 1, undefined]);
  });

  it('a line without end is dropped at the limit; the next one is read', () => {
    const { points, malformed } = decode(`${'x'.repeat(20_000)}\nv:1\n`, false, 100);
    expect(points).toEqual([['v', undefined, 1, undefined]]);
    expect(malformed).toBe(1);
  });

  it('survives any text', () => {
    const random = seededRandom(5);
    const pieces = ['v', ':', '1', '§', '|', 'xy', 't', ';', '\n', '>', '3D|', '-', 'e', 'é'];
    for (let round = 0; round < 2000; round++) {
      let text = '';
      for (let left = random.below(20); left > 0; left--) text += pieces[random.below(pieces.length)];
      for (const point of decode(`${text}\n`, random.below(2) === 0).points as [string, unknown, number][])
        expect(Number.isFinite(point[2])).toBe(true);
    }
  });
});
