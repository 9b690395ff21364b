import { describe, expect, it } from 'vitest';
import { broadcastInterfaces } from './broadcast-address.ts';
import { parseLxiIdentification } from './lxi-xml.ts';
import { foundByService } from './mdns-announcement.ts';
import { decodeIdentifyReply, encodeIdentify } from './netfinder.ts';
import { subnetHosts } from './subnet.ts';

describe('LXI identification', () => {
  const XML = `<?xml version="1.0" encoding="UTF-8"?>
<!-- <Manufacturer>comment</Manufacturer> -->
<lxi:LXIDevice xmlns:lxi="http://www.lxistandard.org/InstrumentIdentification/1.0">
  <lxi:Manufacturer> Rohde &amp; Schwarz </lxi:Manufacturer><lxi:Model><![CDATA[NGE103B <x>]]></lxi:Model>
  <lxi:SerialNumber>5601&#x2E;1</lxi:SerialNumber><lxi:FirmwareRevision>1.54</lxi:FirmwareRevision>
  <lxi:Interface InterfaceType="LXI" IPType="IPv4">
    <lxi:InstrumentAddressString>TCPIP::10.0.0.5::INSTR</lxi:InstrumentAddressString>
    <lxi:InstrumentAddressString>TCPIP::10.0.0.5::hislip0::INSTR</lxi:InstrumentAddressString>
    <lxi:InstrumentAddressString>TCPIP::10.0.0.5::INSTR</lxi:InstrumentAddressString>
  </lxi:Interface><lxi:Strange><lxi:Deep/></lxi:Strange>
</lxi:LXIDevice>`;

  it('is read whatever the prefix', () => {
    const expected = {
      maker: 'Rohde & Schwarz',
      model: 'NGE103B <x>',
      serial: '5601.1',
      firmware: '1.54',
      addresses: ['TCPIP::10.0.0.5::INSTR', 'TCPIP::10.0.0.5::hislip0::INSTR'],
    };
    expect(parseLxiIdentification(XML)).toEqual(expected);
    expect(parseLxiIdentification(XML.replaceAll('lxi:', ''))).toEqual(expected);
  });

  it.each([
    '',
    '<html><body>Login</body></html>',
    '<LXIDevice/>',
    '<LXIDevice><Model></Model></LXIDevice>',
    XML.slice(0, 150),
  ])('is none in %j', (text) => expect(parseLxiIdentification(text)).toBeUndefined());

  it.each([
    ['sections that are not closed', `<LXIDevice><Model>${'<![CDATA[]]>'.repeat(20_000)}`],
    ['sections that are not ended', `<LXIDevice>${'<Model><![CDATA['.repeat(16_000)}`],
    ['comments', `<LXIDevice>${'<!--'.repeat(60_000)}`],
    ['declarations', `<LXIDevice>${'<!a'.repeat(80_000)}`],
  ])('a document made to take for ever is none: %s', (_, text) => {
    expect(parseLxiIdentification(text)).toBeUndefined();
  });

  it('what stands in CDATA is text, markup and entities too', () => {
    const text = '<LXIDevice><Model>A<![CDATA[<Maker>&amp;]]><!-- x -->B</Model></LXIDevice>';
    expect(parseLxiIdentification(text)?.model).toBe('A<Maker>&amp;B');
  });

  it('expands no entity of its own', () => {
    const bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><LXIDevice><Model>&a;&#0;</Model></LXIDevice>';
    expect(parseLxiIdentification(bomb)?.model).toBe('&a;&#0;');
  });
});

describe('mDNS services', () => {
  const service = {
    name: 'Meter',
    host: 'meter.local.',
    port: 4880,
    addresses: ['fe80::1', '10.0.0.5', '10.1.0.5'],
    txt: {},
  };

  it('prefers the address the announcement came from; else the first, else the name', () => {
    const at = (change: object) => foundByService({ ...service, type: 'hislip', ...change })?.resource;
    expect(at({ from: '10.1.0.5' })).toBe('TCPIP0::10.1.0.5::hislip0::INSTR');
    expect(at({ from: '10.9.9.9' })).toBe('TCPIP0::10.0.0.5::hislip0::INSTR');
    expect(at({ addresses: ['fe80::1'] })).toBe('TCPIP0::meter.local::hislip0::INSTR');
    expect(at({ addresses: [], host: 'bad name' })).toBeUndefined();
    expect(at({ port: 0 })).toBeUndefined();
    expect(at({ port: 5000 })).toBe('TCPIP0::10.0.0.5::hislip0,5000::INSTR');
    expect(at({ type: 'vxi-11', port: 1024 })).toBe('TCPIP0::10.0.0.5,1024::inst0::INSTR');
    expect(at({ type: 'http' })).toBeUndefined();
  });

  it('reads who it is from the TXT record, in any case', () => {
    const txt = { MANUFACTURER: 'Keysight, Inc', model: '34461A', SerialNumber: 'MY1' };
    expect(foundByService({ ...service, type: 'scpi-raw', txt })?.idn).toBe('Keysight  Inc,34461A,MY1,');
    expect(foundByService({ ...service, type: 'scpi-raw', txt: { txtvers: '1', Model: 7 } })?.idn).toBeNull();
  });
});

describe('NetFinder', () => {
  it('asks and reads as its maker’s tool does', () => {
    expect(Buffer.from(encodeIdentify(0x1234)).toString('hex')).toBe('5a001234ffffffffffff0000');
    const reply = Buffer.from(
      '5a0112340021690102030000' + '0001020304010000' + '0a000007' + 'ffffff00' + '0a000001' + '01020304',
      'hex',
    );
    expect(decodeIdentifyReply(reply, 0x1234)).toEqual({ host: '10.0.0.7', ethernet: '00-21-69-01-02-03' });
    expect(decodeIdentifyReply(reply, 0x1235), 'an answer to somebody else').toBeUndefined();
    expect(decodeIdentifyReply(reply.subarray(0, 31), 0x1234)).toBeUndefined();
    expect(decodeIdentifyReply(encodeIdentify(0x1234), 0x1234), 'our own question').toBeUndefined();
  });
});

describe('networks', () => {
  it('have a broadcast address, loopback and point to point excepted', () => {
    const of = (address: string, netmask: string, internal = false) =>
      ({ address, netmask, internal, family: 'IPv4', mac: '', cidr: null }) as const;
    expect(
      broadcastInterfaces({
        lo: [of('127.0.0.1', '255.0.0.0', true)],
        eth0: [of('192.168.1.20', '255.255.255.0')],
        ppp0: [of('10.0.0.1', '255.255.255.255')],
        wide: [of('10.20.30.40', '255.255.240.0')],
      }).map(({ broadcast }) => broadcast),
    ).toEqual(['192.168.1.255', '10.20.31.255']);
  });

  it('lists the hosts of a subnet', () => {
    expect(subnetHosts('192.168.1.77/30')).toEqual(['192.168.1.77', '192.168.1.78']);
    expect(subnetHosts('10.0.0.5')).toEqual(['10.0.0.5']);
    expect(subnetHosts('10.0.0.4/31')).toEqual(['10.0.0.4', '10.0.0.5']);
    expect(subnetHosts('255.255.255.250/24')).toHaveLength(254);
    expect(subnetHosts('10.0.3.4/20')).toHaveLength(4094);
    for (const bad of ['', 'x', '10.0.0.0/19', '10.0.0.0/33', '300.0.0.1/24', '10.0.0/24', 'fe80::1/64'])
      expect(() => subnetHosts(bad), bad).toThrow(/Nothing was scanned/);
  });
});
