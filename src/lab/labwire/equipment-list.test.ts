import { expect, test } from 'vitest';
import { parseEquipmentList } from './equipment-list.ts';

test('a list of LabLink, which names neither streams nor controls, is taken as it is', () => {
  const [one] =
    parseEquipmentList([
      {
        id: 'ps_250e6dfe',
        type: 'power_supply',
        manufacturer: 'Rigol',
        model: 'DP832',
        serial_number: null,
        connection_type: 'usb',
        resource_string: 'USB0::1',
        nickname: null,
      },
    ])?.equipment ?? [];
  expect(one).toMatchObject({
    identity: { maker: 'Rigol', model: 'DP832', serial: '' },
    label: 'Rigol DP832',
    shape: { role: 'supply', controls: [] },
    streams: [{ name: 'readings', columns: [] }],
    isConnected: true,
  });
});

test('entries that cannot be read are left out and counted, and spoil no other', () => {
  const list = parseEquipmentList([
    { id: 'a' },
    null,
    { id: 7 },
    'x',
    { id: 'b', streams: 'none', controls: [{ id: 1 }] },
  ]);
  expect(list?.malformed).toBe(3);
  expect(list?.equipment).toMatchObject([
    { id: 'a', label: 'a', shape: { role: 'unknown' } },
    { id: 'b', shape: { controls: [] } },
  ]);
  expect(parseEquipmentList({ detail: 'Not Found' })).toBeUndefined();
});

test('outputs are marked, so that safety knows them', () => {
  const controls = [{ id: 'ch1.output', group: 'ch1', label: 'Output', kind: 'switch', isOutput: true, later: 1 }];
  expect(parseEquipmentList([{ id: 'a', controls }])?.equipment[0]?.shape.controls).toEqual([
    { id: 'ch1.output', group: 'ch1', label: 'Output', kind: 'switch', isOutput: true },
  ]);
});
