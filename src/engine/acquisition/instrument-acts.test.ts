import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDevice, type TestDevice } from '../../../test/conformance/test-device.ts';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import type { CallInput } from '../../contract/calls.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { openScopes } from '../../core/scope.ts';
import { openHislipServer } from '../../simulator/wire/hislip-server.ts';
import { openVxi11Server } from '../../simulator/wire/vxi11-server.ts';

/** What a way has beside bytes, from the calls of a screen to a device behind real HiSLIP and VXI-11. */
let lab: Lab;
let screen: LabScreen;
let device: TestDevice;

beforeEach(async () => {
  lab = await openLab({ startBench: false });
  screen = await lab.screen();
  device = createTestDevice();
  let isComplete = false;
  device.answer = (message) => {
    const text = Buffer.from(message).toString('latin1');
    if (text === '*OPC') isComplete = true;
    if (text === '*IDN?') return Buffer.from('ACME,BOX,0042,1');
    if (text === '*ESR?') return Buffer.from(isComplete ? '1' : '0');
    return text.includes('?') ? Buffer.from('1') : undefined;
  };
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

type Action = CallInput<'instrument.act'>['action'];
const eventOf = (kind: LabEvent['kind']): Promise<LabEvent> =>
  screen.until(kind, ({ events }) => events.find((event) => event.kind === kind));

async function tryAll(instrument: string): Promise<void> {
  const act = (action: Action): Promise<number | null | string> =>
    screen.client.call('instrument.act', { instrument, action }).then(
      ({ value }) => value,
      (error: unknown) => LabError.from(error).code,
    );
  const stateOf = () => screen.state.instruments.find(({ id }) => id === instrument);
  expect(stateOf()?.can).toEqual({
    screenshot: false,
    clear: true,
    trigger: true,
    statusByte: true,
    lock: true,
    local: true,
  });
  device.setStatus(0x80);
  expect(await act('status-byte')).toBe(0x80);
  device.setStatus(0);
  expect(await act('trigger')).toBeNull();
  expect(await act('clear')).toBeNull();
  expect(device.counts).toMatchObject({ triggers: 1, clears: 1 });
  expect(await act('lock')).toBeNull();
  await screen.until('locked', () => stateOf()?.isLocked);
  expect(await act('unlock')).toBeNull();
  await screen.until('unlocked', () => stateOf()?.isLocked === false);
  expect(await act('unlock')).toBe('call.invalid');
  expect(await act('local')).toBeNull();
  expect(device.remote).toContain('local');
  const { reply } = await screen.client.call('instrument.query', { instrument, text: 'STILL?' });
  expect(reply, 'the wire is in step').toBe('1');
}

test('HiSLIP: clear, trigger, status byte, lock, local; service requests are events', async () => {
  await using server = await openHislipServer({ port: 0, devices: { hislip0: device } });
  const id = await screen.attach(`TCPIP0::127.0.0.1::hislip0,${server.port}::INSTR`);
  await tryAll(id);
  device.serviceRequestEnable = 0x20;
  device.setStatus(0x20);
  expect(await eventOf('service-request')).toMatchObject({
    instrument: id,
    text: expect.stringContaining('standard event'),
  });
  await screen.client.call('instrument.close', { instrument: id });
});

test('VXI-11: the same', async () => {
  await using server = await openVxi11Server({ portmapperPort: null, devices: { inst0: device } });
  const id = await screen.attach(server.resource('inst0'));
  await tryAll(id);
  await screen.client.call('instrument.close', { instrument: id });
});

test('*OPC: completion is an event, looked for between rounds', async () => {
  await using server = await openHislipServer({ port: 0, devices: { hislip0: device } });
  const id = await screen.attach(`TCPIP0::127.0.0.1::hislip0,${server.port}::INSTR`);
  await screen.client.call('instrument.query', { instrument: id, text: '*OPC' });
  expect(await eventOf('operation-complete')).toMatchObject({ instrument: id });
  await screen.client.call('instrument.close', { instrument: id });
});
