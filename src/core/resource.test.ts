import { describe, expect, it } from 'vitest';
import { LabError } from './errors.ts';
import { canonicalResource, isSameResource, parseResource } from './resource.ts';
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
    ['usb::6833::3601::DP8A1234', 'USB0::0x1AB1::0x0E11::DP8A1234::INSTR'],
    ['USB1::0x0957::0x1755::MY 4:8::2::raw', 'USB1::0x0957::0x1755::MY 4:8::2::RAW'],
    ['usbip::10.0.0.2::0x1ab1::0x0e11::X', 'USBIP0::10.0.0.2::0x1AB1::0x0E11::X::INSTR'],
    ['USBIP0::box,3241::0x1AB1::0x0E11::X::0', 'USBIP0::box,3241::0x1AB1::0x0E11::X::INSTR'],
    ['/dev/usbtmc0', 'USBTMC/dev/usbtmc0::INSTR'],
    ['GPIB::9', 'GPIB0::9::INSTR'],
    ['gpib1::9::0::instr', 'GPIB1::9::0::INSTR'],
    ['GPIB0::9::96', 'GPIB0::9::0::INSTR'],
    ['gpib2::intfc', 'GPIB2::INTFC'],
    ['PRLGX-TCPIP::Adapter::INTFC', 'PRLGX-TCPIP0::adapter::1234::INTFC'],
    ['PRLGX-TCPIP1::10.0.0.7::1235::INTFC', 'PRLGX-TCPIP1::10.0.0.7::1235::INTFC'],
    ['prlgx-tcpip0::10.0.0.7::1234::22::INSTR', 'PRLGX-TCPIP0::10.0.0.7::1234::22::INSTR'],
    ['PRLGX-ASRL::/dev/ttyUSB0::INTFC', 'PRLGX-ASRL0::/dev/ttyUSB0::INTFC'],
    ['PRLGX-ASRL2::com4::22::96::INSTR', 'PRLGX-ASRL2::COM4::22::0::INSTR'],
    ['lab::Hub.lan:8000::ps_250e6dfe', 'LAB::hub.lan:8000::ps_250e6dfe::INSTR'],
    ['labs::[::1]:443::a%3A%3Ab c::INSTR', 'LABS::[::1]:443::a%3A%3Ab%20c::INSTR'],
    ['modbus-asrl::/dev/ttyUSB1::1', 'MODBUS-ASRL0::/dev/ttyUSB1::1::INSTR'],
    ['MODBUS-TCPIP::10.0.0.9::7', 'MODBUS-TCPIP0::10.0.0.9::502::7::INSTR'],
    ['MODBUS-TCPIP::10.0.0.9::5020::7::INSTR', 'MODBUS-TCPIP0::10.0.0.9::5020::7::INSTR'],
    ['udp::0.0.0.0::47269::socket', 'UDP0::0.0.0.0::47269::SOCKET'],
    ['TCPIP::host::HiSLIP0', 'TCPIP0::host::hislip0::INSTR'],
    ['TCPIP::host::hislip0,4881::INSTR', 'TCPIP0::host::hislip0,4881::INSTR'],
    ['TCPIP::host::hislip0,4880', 'TCPIP0::host::hislip0::INSTR'],
    ['TCPIP0::gw::gpib0,5::INSTR', 'TCPIP0::gw::gpib0,5::INSTR'],
    ['gpib0::9::instr@VISA', 'GPIB0::9::INSTR@visa'],
    ['pxi0::2::INSTR', 'PXI0::2::INSTR@visa'],
    ['VICP::10.0.0.3@visa', 'VICP::10.0.0.3@visa'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalResource(text)).toBe(canonical);
    expect(canonicalResource(canonical)).toBe(canonical);
  });

  it('gives what a transport needs', () => {
    expect(parseResource('host:5555')).toMatchObject({ kind: 'socket', host: 'host', port: 5555 });
    expect(parseResource('TCPIP0::host::hislip0')).toMatchObject({ kind: 'hislip', device: 'hislip0', port: 4880 });
    expect(parseResource('TCPIP0::host,1024::inst0')).toMatchObject({ kind: 'vxi11', device: 'inst0', corePort: 1024 });
    expect(parseResource('TCPIP0::gw::gpib0,5')).toMatchObject({ kind: 'vxi11', device: 'gpib0,5' });
    expect(parseResource('USB0::0x1AB1::0x0E11::S::1::RAW')).toMatchObject({
      kind: 'usb',
      vendorId: 0x1ab1,
      productId: 0x0e11,
      serial: 'S',
      interfaceNumber: 1,
      isRaw: true,
    });
    expect(parseResource('PRLGX-TCPIP0::a::1234::22::1::INSTR')).toMatchObject({
      kind: 'prologix',
      line: { kind: 'tcp', host: 'a', port: 1234 },
      address: { primary: 22, secondary: 1 },
    });
    expect(parseResource('GPIB0::9::INSTR')).toMatchObject({ kind: 'gpib', board: 0, address: { primary: 9 } });
    expect(parseResource('VXI0::3@visa')).toMatchObject({ kind: 'vendor', resource: 'VXI0::3' });
    expect(isSameResource('host', 'tcpip::HOST::5025::SOCKET')).toBe(true);
    expect(isSameResource('host', 'no::such')).toBe(false);
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
    'USB0::0x1AB1::0x0E11',
    'USB0::0x1AB1G::1::S',
    'USB0::0x1AB1::1::S::999',
    'GPIB0::31',
    'GPIB0::9::50',
    'GPIB0::9::1::2',
    'PRLGX-TCPIP0::host',
    'PRLGX-TCPIP0::host::1234::INSTR',
    'MODBUS-ASRL::/dev/ttyUSB0',
    'MODBUS-TCPIP::host::502::248',
    'UDP::0.0.0.0::47269',
    'TCPIP::host,99999::inst0',
    'hello@visa',
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
