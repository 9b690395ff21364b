import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { makerKey, unitKey } from './identity-key.ts';
import { mergeSightings } from './merge-sightings.ts';
import type { Sighting } from './sighting.ts';

const METER = 'Keysight Technologies,34461A,MY53200001,A.02.14';
const see = (change: Partial<Sighting> & Pick<Sighting, 'resource' | 'source'>): Sighting => ({
  state: 'usable',
  idn: null,
  seenNs: '1',
  ...change,
});
const RAW = 'TCPIP0::10.0.0.5::5025::SOCKET';
const HISLIP = 'TCPIP0::10.0.0.5::hislip0::INSTR';
const VXI = 'TCPIP0::10.0.0.5::inst0::INSTR';
const USB = 'USB0::0x2A8D::0x1401::MY53200001::INSTR';

describe('identity key', () => {
  it('is one for the spellings of a maker', () => {
    expect(['Agilent Technologies', 'KEYSIGHT TECHNOLOGIES', 'Hewlett-Packard'].map(makerKey)).toEqual(
      Array(3).fill('keysight'),
    );
    expect(makerKey('Rohde&Schwarz')).toBe(makerKey('ROHDE & SCHWARZ'));
    expect(makerKey('Siglent Technologies')).toBe(makerKey('SIGLENT'));
    expect(makerKey('Rigol')).not.toBe(makerKey('Siglent'));
  });

  it('needs a serial number', () => {
    const unit = { maker: 'A', model: 'B', firmware: '' };
    expect(unitKey({ ...unit, serial: '000' })).toBeUndefined();
    expect(unitKey({ ...unit, serial: 'my 1' })).toBe(unitKey({ ...unit, serial: 'MY1' }));
    expect(unitKey({ ...unit, serial: '12' })).not.toBe(unitKey({ ...unit, serial: '120' }));
  });
});

describe('merging', () => {
  it('puts all ways to one unit in one row, the best first', () => {
    const [row, ...more] = mergeSightings([
      see({ resource: RAW, source: 'mdns', idn: METER }),
      see({ resource: VXI, source: 'vxi11', idn: 'Agilent Technologies, 34461a, MY53200001, A.01' }),
      see({ resource: HISLIP, source: 'mdns', idn: METER }),
      see({ resource: USB, source: 'usb', unit: { maker: 'Keysight Technologies', serial: 'MY53200001' } }),
      see({ resource: VXI, source: 'mdns', idn: METER, seenNs: '9' }),
    ]);
    expect(more).toEqual([]);
    expect(row?.resources).toEqual([USB, HISLIP, VXI, RAW]);
    expect(row).toMatchObject({ name: '34461A', state: 'available', idn: METER, source: 'mdns' });
    expect(row?.paths[2]).toMatchObject({ sources: ['vxi11', 'mdns'], seenNs: '9', way: 'lan' });
  });

  it('keeps two units of one model apart', () => {
    const rows = mergeSightings([
      see({ resource: RAW, source: 'mdns', idn: METER }),
      see({ resource: 'TCPIP0::10.0.0.6::5025::SOCKET', source: 'mdns', idn: METER.replace('0001', '0002') }),
    ]);
    expect(rows).toHaveLength(2);
  });

  it('keeps units without a serial number apart by their path', () => {
    const idn = 'KORAD,KA3005P,,V2.0';
    const rows = mergeSightings([
      see({ resource: 'ASRLCOM3::INSTR', source: 'serial', idn }),
      see({ resource: 'ASRLCOM4::INSTR', source: 'serial', idn }),
      see({ resource: 'ASRLCOM4::INSTR', source: 'remembered', idn }),
    ]);
    expect(rows.map(({ resources }) => resources)).toEqual([['ASRLCOM3::INSTR'], ['ASRLCOM4::INSTR']]);
  });

  it('joins a USB device by maker and serial number only where one unit has both', () => {
    const usb = see({ resource: USB, source: 'usb', unit: { maker: 'Keysight', serial: 'MY53200001' } });
    const other = see({ resource: RAW, source: 'mdns', idn: METER.replace('34461A', '34465A') });
    expect(mergeSightings([usb, see({ resource: HISLIP, source: 'mdns', idn: METER }), other])).toHaveLength(3);
    expect(mergeSightings([usb])).toMatchObject([{ resources: [USB], idn: null }]);
    const file = see({
      resource: 'USBTMC/dev/usbtmc0::INSTR',
      source: 'usbtmc',
      unit: { maker: 'Keysight', serial: 'MY53200001' },
    });
    expect(mergeSightings([file, usb])).toMatchObject([{ resources: [USB, file.resource] }]);
  });

  it('says attached, unknown, unusable, with the reason', () => {
    const rows = mergeSightings([
      see({ resource: RAW, source: 'attached', idn: METER, instrument: 'k/m/s', name: 'My meter', role: 'meter' }),
      see({ resource: VXI, source: 'mdns', idn: METER, name: 'announced' }),
      see({ resource: 'ASRL/dev/ttyUSB0::INSTR', source: 'serial', state: 'unknown', about: 'CP2102' }),
      see({
        resource: 'PRLGX-TCPIP0::10.0.0.9::1234::INTFC',
        source: 'prologix',
        state: 'unusable',
        about: 'an adapter',
        fix: 'type',
      }),
    ]);
    expect(rows).toMatchObject([
      { state: 'attached', instrument: 'k/m/s', name: 'My meter', role: 'meter', resources: [VXI, RAW] },
      { state: 'unknown', reason: 'CP2102', paths: [{ state: 'unknown', about: 'CP2102' }] },
      { state: 'unusable', reason: 'an adapter', resources: [], paths: [{ fix: 'type' }] },
    ]);
  });

  it('a row keeps key and place when it learns who it is and when others come', () => {
    const first = mergeSightings([
      see({ resource: RAW, source: 'scan', state: 'unknown' }),
      see({ resource: USB, source: 'usb' }),
    ]);
    const then = mergeSightings(
      [
        see({ resource: 'ASRLCOM1::INSTR', source: 'serial' }),
        see({ resource: USB, source: 'usb' }),
        see({ resource: HISLIP, source: 'mdns', idn: METER }),
        see({ resource: RAW, source: 'scan', idn: METER }),
      ],
      first,
    );
    expect(then.map(({ key }) => key)).toEqual([first[0]?.key, first[1]?.key, 'ASRLCOM1::INSTR']);
    expect(then[0]?.resources).toEqual([HISLIP, RAW]);
  });

  it('in any order of sightings: every path in one row, keys unique, units never mixed', () => {
    const { next: random } = seededRandom(11);
    for (let round = 0; round < 300; round++) {
      const sightings = Array.from({ length: 12 }, () => {
        const serial = Math.floor(random() * 4);
        const idn = random() < 0.5 ? `Maker,M${Math.floor(random() * 2)},${serial === 0 ? '' : `S${serial}`},` : null;
        return see({
          resource: `ASRLCOM${Math.floor(random() * 8)}::INSTR`,
          source: random() < 0.5 ? 'serial' : 'mdns',
          idn,
        });
      });
      const before = round % 2 === 0 ? mergeSightings(sightings.slice(0, 6)) : [];
      const rows = mergeSightings(sightings, before);
      const paths = rows.flatMap((row) => row.paths.map(({ resource }) => resource));
      expect(new Set(paths).size).toBe(paths.length);
      expect(new Set(paths)).toEqual(new Set(sightings.map(({ resource }) => resource)));
      expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
    }
  });
});
