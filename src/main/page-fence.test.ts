import { expect, test, vi } from 'vitest';
import { isAllowedOutside } from './page-fence.ts';

// Outside Electron the package named electron downloads its binary when it is loaded; only its name is needed here.
vi.mock('electron', () => ({ app: {}, shell: {} }));

test('https pages of the list open in the browser', () => {
  expect(isAllowedOutside('https://github.com/electron/electron#readme')).toBe(true);
});

test.each([
  'http://github.com/',
  'https://github.com.evil/',
  'https://github.com@evil/',
  'https://user@github.com/',
  'https://github.com:8443/',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'smb://github.com/share',
  '',
])('%j does not', (address) => {
  expect(isAllowedOutside(address)).toBe(false);
});
