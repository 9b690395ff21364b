import { describe, expect, it } from 'vitest';
import { LabError } from '../../core/errors.ts';
import { parseServerAddress } from './server-address.ts';

describe('address of a lab server', () => {
  it.each([
    ['bench-box', 'http://bench-box:8000', 'bench-box:8000'],
    ['10.0.0.7:8001', 'http://10.0.0.7:8001', '10.0.0.7:8001'],
    ['[::1]:8000', 'http://[::1]:8000', '[::1]:8000'],
    ['ws://Hub:8000/ws', 'http://hub:8000/ws', 'hub:8000'],
    ['wss://hub/ws/', 'https://hub:443/ws', 'hub:443'],
    ['https://hub.lan', 'https://hub.lan:443', 'hub.lan:443'],
    ['http://hub', 'http://hub:80', 'hub:80'],
    [
      'ws://h:8002/api/v1/ws/v2/power?module=4&interval=0.1',
      'http://h:8002/api/v1/ws/v2/power?module=4&interval=0.1',
      'h:8002',
    ],
  ])('%s', (text, url, origin) => {
    expect(parseServerAddress(text)).toMatchObject({ url, origin });
  });

  it('takes a token out of the address', () => {
    const { url, token } = parseServerAddress('ws://h:8000/ws?token=abc.def&module=4');
    expect(token).toBe('abc.def');
    expect(url).toBe('http://h:8000/ws?module=4');
  });

  it.each(['', 'ftp://x', 'http://user:pw@host', 'http://', 'a b'])('refuses %j', (text) => {
    let thrown: unknown;
    try {
      parseServerAddress(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(LabError);
    expect((thrown as LabError).code).toBe('call.invalid');
    expect((thrown as LabError).message).not.toContain('pw');
  });
});
