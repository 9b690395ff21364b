import { expect, test } from 'vitest';
import { isTrustedSender } from './trusted-sender.ts';

test('only our own top frame is trusted', () => {
  expect(isTrustedSender({ url: 'app://bundle/index.html', parent: null })).toBe(true);
  expect(isTrustedSender({ url: 'app://bundle/index.html#plot', parent: null })).toBe(true);
});

test.each([
  ['a frame that is gone', null],
  ['a frame inside a page', { url: 'app://bundle/index.html', parent: {} }],
  ['another host', { url: 'app://bundle.evil/index.html', parent: null }],
  ['a host in the user part', { url: 'app://bundle@evil/', parent: null }],
  ['another port', { url: 'app://bundle:1/', parent: null }],
  ['the web', { url: 'https://bundle/index.html', parent: null }],
  ['a file', { url: 'file:///app://bundle', parent: null }],
  ['a blank page', { url: 'about:blank', parent: null }],
  ['no URL', { url: '', parent: null }],
])('%s is not', (_, frame) => {
  expect(isTrustedSender(frame)).toBe(false);
});
