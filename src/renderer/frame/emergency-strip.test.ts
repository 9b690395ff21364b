import type { ReactElement, ReactNode } from 'react';
import { expect, test } from 'vitest';
import { openLab } from '../../../test/lab/lab.ts';
import type { EmergencyStop } from '../../contract/bench-schema.ts';
import { clientStore } from '../engine-link.ts';
import { EmergencyLine } from './emergency-strip.tsx';

type Button = ReactElement<{ children: ReactNode; disabled: boolean; onClick: () => void }>;

function buttonOf(stop: EmergencyStop, mayControl: boolean): Button {
  const line: ReactElement = EmergencyLine({ stop, mayControl });
  const button = (line.props as { children: Button[] }).children.find(({ type }) => type === 'button');
  if (!button) throw new Error('no button');
  return button;
}

test('the emergency stop is released at the screen, by whoever may control', async () => {
  await using lab = await openLab({ startBench: false });
  const screen = await lab.screen('window');
  await screen.client.call('emergency.stop', {});
  const stop = await screen.until('it is seen', ({ emergencyStop }) => emergencyStop ?? undefined);
  expect(buttonOf(stop, false).props.disabled).toBe(true);
  clientStore.set(screen.client);
  const { disabled, onClick } = buttonOf(stop, true).props;
  expect(disabled).toBe(false);
  onClick();
  await screen.until('released', ({ emergencyStop }) => emergencyStop === null);
  clientStore.set(undefined);
});
