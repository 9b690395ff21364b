import { describe, expect, it } from 'vitest';
import { LabError } from './errors.ts';
import { canonicalResource, parseResource } from './resource.ts';
import { seededRandom } from './seeded-random.ts';

describe('resource', () => {
  it.each([
    ['TCPIP0::192.168.1.20::5025::SOCKET', 'TCPIP0::192.168.1.20::5025::SOCKET'],
    ['tcpip::Scope.lab::5555::socket', 'TCPIP0::scope.lab::5555::SOCKET'],
    ['TCPIP2::host::05025::SOCKET', 'TCPIP2::host::5025::SOCKET'],
    ['TCPIP::[FE80::1]::5025::SOCKET', 'TCPIP0::[fe80::1]::5025::SOCKET'],
    ['192.168.1.20', 'TCPIP0::192.168.1.20::5025::SOCKET'],
    ['  bench-psu:5555 ', 'TCPIP0::bench-psu::5555::SOCKET'],
    ['[::1]:4000', 'TCPIP0::[::1]::4000::SOCKET'],
    ['ASRL/dev/ttyUSB0::INSTR', 'ASRL/dev/ttyUSB0::INSTR'],
    ['asrl/dev/ttyUSB0', 'ASRL/dev/ttyUSB0::INSTR'],
    ['ASRL3::INSTR', 'ASRL3::INSTR'],
    ['ASRLcom7', 'ASRLCOM7::INSTR'],
    ['com7', 'ASRLCOM7::INSTR'],
    ['/dev/pts/4', 'ASRL/dev/pts/4::INSTR'],
    ['TCPIP0::host', 'TCPIP0::host::inst0::INSTR'],
    ['TCPIP0::host::INSTR', 'TCPIP0::host::inst0::INSTR'],
    ['TCPIP0::host::hislip0::INSTR', 'TCPIP0::host::hislip0::INSTR'],
    ['TCPIP0::host,1024::inst0::INSTR', 'TCPIP0::host,1024::inst0::INSTR'],
    ['usb::0x1AB1::0x0E11::DP8A1234::INSTR', 'USB0::0x1AB1::0x0E11::DP8A1234::INSTR'],
    ['GPIB::9', 'GPIB0::9::INSTR'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalResource(text)).toBe(canonical);
    expect(canonicalResource(canonical)).toBe(canonical);
  });

  it('gives host and port, and says why a way is not supported', () => {
    expect(parseResource('host:5555')).toMatchObject({ kind: 'socket', host: 'host', port: 5555 });
    expect(parseResource('TCPIP0::host::hislip0')).toMatchObject({ kind: 'hislip', unsupported: /raw SCPI socket/ });
    expect(parseResource('TCPIP0::host')).toMatchObject({ kind: 'vxi11', device: 'inst0' });
    expect(parseResource('GPIB0::9::INSTR')).toHaveProperty('unsupported');
  });

  it.each([
    '',
    ' ',
    'FOO::1::INSTR',
    'TCPIP0::::5025::SOCKET',
    'TCPIP0::host::99999::SOCKET',
    'TCPIP0::host::5025::x::SOCKET',
    'host:0',
    'host:abc',
    'ho st',
    'ASRL',
    'ASRL::INSTR',
    'a\nb',
    'host:5025:1',
    'TCPIP0::h::a::b::INSTR',
    'x'.repeat(600),
  ])('refuses %j with resource.malformed', (text) => {
    expect(() => parseResource(text)).toThrow(expect.objectContaining({ code: 'resource.malformed' }));
  });

  it('survives any text: a resource or resource.malformed', () => {
    const random = seededRandom(7);
    const pieces = [
      'TCPIP',
      'ASRL',
      '::',
      ':',
      'SOCKET',
      'INSTR',
      '0',
      '5025',
      'host',
      '[',
      ']',
      '/',
      'USB',
      ' ',
      'é',
      '%',
    ];
    for (let round = 0; round < 5000; round++) {
      let text = '';
      for (let left = 1 + Math.floor(random.next() * 8); left > 0; left--) text += pieces[random.below(pieces.length)];
      try {
        const canonical = canonicalResource(text);
        expect(canonicalResource(canonical)).toBe(canonical);
      } catch (error) {
        expect(error).toBeInstanceOf(LabError);
        expect((error as LabError).code).toBe('resource.malformed');
      }
    }
  });
});
