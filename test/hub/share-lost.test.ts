import { expect, test } from 'vitest';
import { ShareDesk } from '../../src/hub/share/share-desk.ts';
import { ConnectionRates, shareConnections } from '../../src/hub/share/share-report.ts';
import { openHubLab } from './hub-harness.ts';
import { LabwireProbe } from './labwire-probe.ts';

test('a labwire.1 client whose socket vanished is lost, with the time it has left, until it comes back or is given up', async () => {
  await using lab = await openHubLab({ attach: [] });
  const rates = new ConnectionRates();
  const rows = () => shareConnections(lab.hub, rates).map(({ user, state, leftS }) => ({ user, state, leftS }));
  const token = await lab.token('viewer');
  const first = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const { resume } = (await first.hello()) as unknown as { resume: { token: string } };
  expect(rows()).toEqual([{ user: 'viewer', state: 'normal', leftS: undefined }]);
  first.socket.terminate();
  await expect.poll(rows, { timeout: 20_000 }).toMatchObject([{ user: 'viewer', state: 'lost' }]);
  expect(rows()[0]?.leftS).toBeGreaterThan(200);
  expect(rows()[0]?.leftS).toBeLessThanOrEqual(300);
  const second = new LabwireProbe(lab.socketUrl('/ws'), { token });
  expect(await second.hello({ resume: { token: resume.token, streams: [] } })).toMatchObject({ reconnected: true });
  expect(rows()).toEqual([{ user: 'viewer', state: 'normal', leftS: undefined }]);
  second.socket.terminate();
  await expect.poll(rows, { timeout: 20_000 }).toMatchObject([{ state: 'lost' }]);
  const desk = new ShareDesk({ access: lab.access, hub: () => lab.hub, rates, nowNs: () => 0n });
  const [lost] = shareConnections(lab.hub, rates);
  await desk.answer('share.kick', { connection: lost?.id }, 'x');
  expect(rows()).toEqual([]);
});
