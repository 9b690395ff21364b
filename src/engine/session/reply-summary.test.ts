import { expect, it } from 'vitest';
import { summarizeReply } from './reply-summary.ts';

it('shows a block by its size and first bytes', () => {
  expect(summarizeReply('#14\x00\x01\xfe\xff')).toBe('#14 block of 4 bytes: 00 01 fe ff');
  expect(summarizeReply(`#220${'A'.repeat(20)}`)).toMatch(/^#220 block of 20 bytes: (41 ){16}…$/);
});

it.each(['+1.2E0', '#H1F', '#14abc', 'text'])('leaves %s alone', (reply) => {
  expect(summarizeReply(reply)).toBe(reply);
});
