import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { type ExportFormat, exportFormat, exportOptions } from '../../contract/export-schema.ts';
import { ExportOptionFields } from './export-options.tsx';
import { choicesOf } from './export-words.ts';

/** What stands on the screen for a format: labels of boxes and switches. */
function labelsOf(format: ExportFormat): string[] {
  const html = renderToStaticMarkup(
    createElement(ExportOptionFields, { format, options: { merge: 'nearest' }, onChange: () => undefined }),
  );
  return [...html.matchAll(/<(?:label|span class="label")[^>]*>([^<]*)</g)].map(([, text = '']) => text);
}

test('every choice an export has is offered for a format', () => {
  const offered = new Set(exportFormat.options.flatMap((format) => [...choicesOf(format)]));
  expect([...offered].sort()).toEqual(Object.keys(exportOptions.shape).sort());
});

test.each<[ExportFormat, string[]]>([
  ['wav', ['Full scale', 'Samples']],
  [
    'parquet',
    ['Rows', 'Channels of different clocks', 'A row each (s)', 'When each poll was sent and answered', 'Compression'],
  ],
  ['npy', ['Channels of different clocks', 'A row each (s)', 'When each poll was sent and answered']],
  ['hdf5', ['When each poll was sent and answered']],
  ['mcap', ['Compression', 'Plain messages for other viewers']],
  ['lablink-csv', ['Packed (gzip)', 'Time of each message', 'Head with what it is', 'New file after']],
])('%s offers what it can do, and nothing else', (format, labels) => {
  expect(labelsOf(format)).toEqual(labels);
});

test('the size of a file of messages is shown with its unit and limits', () => {
  const html = renderToStaticMarkup(
    createElement(ExportOptionFields, {
      format: 'lablink-jsonl',
      options: { rotateBytes: 2e9 },
      onChange: () => undefined,
    }),
  );
  expect(html).toContain('value="2 GB"');
  expect(html).toContain('10 kB to 10 GB');
});
