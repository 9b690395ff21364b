import { expect, it } from 'vitest';
import { DropWatch } from './drop-watch.ts';

const MINUTE = 60_000;

it('348 says it when more than one row in a thousand is lost, once a minute', () => {
  const watch = new DropWatch();
  expect(watch.look([{ rows: 0, lost: 0 }], 0)).toBeUndefined();
  expect(watch.look([{ rows: 5000, lost: 100 }], MINUTE / 2)).toBeUndefined();
  expect(
    watch.look(
      [
        { rows: 9000, lost: 100 },
        { rows: 900, lost: 0 },
      ],
      MINUTE,
    ),
  ).toBe(
    '100 of 10000 rows of the last minute did not come (1.0 %). The gaps are marked; ask the server for fewer streams or a lower rate.',
  );
  // Nothing more was lost in the next minute.
  expect(watch.look([{ rows: 20_000, lost: 100 }], 2 * MINUTE)).toBeUndefined();
});

it('one in a thousand is not too many, and streams that were closed count for nothing', () => {
  const watch = new DropWatch();
  watch.look([{ rows: 0, lost: 0 }], 0);
  expect(watch.look([{ rows: 9990, lost: 10 }], MINUTE)).toBeUndefined();
  expect(watch.look([{ rows: 100, lost: 0 }], MINUTE + 1)).toBeUndefined();
  expect(watch.look([{ rows: 200, lost: 90 }], 2 * MINUTE)).toBeUndefined();
  expect(watch.look([{ rows: 300, lost: 180 }], 2 * MINUTE + 2)).toContain('180');
});
