import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Found } from './sighting.ts';
import { createUsbSearch } from './usb-search.ts';

const ROW = {
  resource: 'USB0::0x1AB1::0x0E11::DP8A1::INSTR',
  maker: 'Rigol Technologies',
  product: 'DP832',
  serial: 'DP8A1',
  about: 'Rigol Technologies DP832, 0x1AB1:0x0E11',
};

async function look(list: () => Promise<(typeof ROW & { reason?: string })[]>, root = '/nowhere'): Promise<Found[]> {
  const found: Found[] = [];
  const options = { list, platform: 'linux', sys: join(root, 'sys'), dev: join(root, 'dev') } as const;
  await createUsbSearch(options).look({
    signal: new AbortController().signal,
    found: (row) => void found.push(row),
    lost: () => {},
    progress: () => {},
  });
  return found;
}

it('lists what is plugged in, and why one cannot be used', async () => {
  const [free, held] = await look(async () => [ROW, { ...ROW, reason: 'another client has it' }]);
  expect(free).toMatchObject({
    state: 'usable',
    name: 'DP832',
    unit: { maker: 'Rigol Technologies', serial: 'DP8A1' },
  });
  expect(held).toMatchObject({ state: 'unusable', about: 'another client has it' });
});

it('a device the system does not let a person open comes with the rule for it', async () => {
  const root = await mkdtemp(join(tmpdir(), 'labwire-usb-'));
  const device = join(root, 'sys/bus/usb/devices/1-2');
  await mkdir(device, { recursive: true });
  const facts = { idVendor: '1ab1', idProduct: '0e11', busnum: '1', devnum: '4', serial: 'DP8A1' };
  for (const [file, text] of Object.entries(facts)) await writeFile(join(device, file), `${text}\n`);
  // No device file: as good as one that may not be opened, also for root.
  expect(await look(async () => [ROW], root)).toMatchObject([
    { state: 'unusable', about: expect.stringContaining('you may not open it'), fix: expect.stringContaining('1ab1') },
  ]);
  await mkdir(join(root, 'dev/bus/usb/001'), { recursive: true });
  await writeFile(join(root, 'dev/bus/usb/001/004'), '');
  expect(await look(async () => [ROW], root)).toMatchObject([{ state: 'usable' }]);
  await rm(root, { recursive: true });
});
