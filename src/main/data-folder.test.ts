import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataFolderArgument } from './data-folder.ts';

test.each([
  [['.', '--data', '/bench/one'], '/bench/one'],
  [['.', '--data=/bench/one'], '/bench/one'],
  [['.', '--data', 'one'], join('/here', 'one')],
  [['.', '--enable-features=x', '--data', 'a', '--lang=en'], join('/here', 'a')],
])('%j names %s', (args, folder) => {
  expect(dataFolderArgument(args, '/here')).toBe(folder);
});

test.each([[['.']], [['--data']], [['--data=']], [['--data', '--no-open']], [['--database', 'x']]])(
  '%j names none',
  (args) => {
    expect(dataFolderArgument(args, '/here')).toBeUndefined();
  },
);
