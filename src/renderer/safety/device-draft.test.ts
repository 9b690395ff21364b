import { expect, test } from 'vitest';
import { deviceOfDraft, draftOfDevice, envelopeText } from './device-draft.ts';

const outputs = [{ instrument: 'Rigol/DP832/1', group: 'ch1' }];
const empty = { ...draftOfDevice(undefined, 'd1'), label: 'Board 7', outputs };

test('a device is what the fields say; prefixes are read', () => {
  const limits = { ...empty.limits, maxV: '5v5', maxA: '250m', slewVPerS: '1' };
  expect(deviceOfDraft({ ...empty, limits })).toEqual({
    ok: true,
    device: {
      id: 'd1',
      label: 'Board 7',
      outputs,
      envelope: { maxV: 5.5, maxA: 0.25, slewVPerS: 1 },
      needsArming: true,
    },
  });
});

test('a limit that cannot be read is told, not left out', () => {
  const limits = { ...empty.limits, maxV: 'five', maxA: '-1', slewAPerS: '0' };
  const read = deviceOfDraft({ ...empty, label: ' ', outputs: [], limits });
  expect(read).toMatchObject({ ok: false });
  expect(Object.keys(read.ok ? {} : read.problems).sort()).toEqual(['label', 'maxA', 'maxV', 'outputs', 'slewAPerS']);
  const crossed = deviceOfDraft({ ...empty, limits: { ...empty.limits, maxV: '3', minV: '4' } });
  expect(crossed).toMatchObject({ problems: { minV: expect.any(String) } });
});

test('a device comes back as it was', () => {
  const device = {
    id: 'd',
    label: 'x',
    outputs,
    envelope: { maxV: 12, minV: -1, maxA: 2, maxW: 20, slewVPerS: 3, slewAPerS: 4 },
    needsArming: false,
  };
  expect(deviceOfDraft(draftOfDevice(device, 'other'))).toEqual({ ok: true, device });
  expect(envelopeText(device.envelope)).toBe('-1 … 12 V · ≤ 2 A · ≤ 20 W · 3 V/s · 4 A/s');
  expect(envelopeText({})).toBe('no limits');
});
