import type { ReactElement, ReactNode } from 'react';
import { expect, test } from 'vitest';
import { openLab } from '../../../test/lab/lab.ts';
import { clientStore } from '../engine-link.ts';
import { UnconfirmedLine, unconfirmedText } from './outputs-off.tsx';

test('outputs of one instrument and reason are said once', () => {
  const failed = [
    { instrument: 's', group: 'ch1', reason: 'No answer.' },
    { instrument: 's', group: 'ch2', reason: 'No answer.' },
    { instrument: 'l', group: '' },
  ];
  expect(unconfirmedText(failed, (id) => (id === 's' ? 'DP832' : 'Load'))).toBe('DP832 CH1, CH2 (No answer); Load.');
});

test('one who has switched off by hand says so, and the engine shows the outputs no more', async () => {
  await using lab = await openLab({ usePtys: false });
  const screen = await lab.screen();
  const supply = await screen.attach(lab.resource('supply'));
  await screen.client.call('bench.setFault', { name: 'supply', fault: { kind: 'disconnect' } });
  await screen.untilState(supply, 'reconnecting');
  await screen.client.call('outputs.off', {});
  const open = screen.state.outputsOff;
  expect(open?.results.map(({ confirmed }) => confirmed)).toEqual([false, false, false]);
  clientStore.set(screen.client);
  const line = UnconfirmedLine({ failed: open?.results ?? [], at: open?.t ?? '0', nameOf: () => supply });
  buttonOf(line, 'I have switched them off by hand')();
  await screen.until('released', ({ outputsOff }) => outputsOff?.results.length === 0);
  clientStore.set(undefined);
});

/** What a press of the button with these words does. */
function buttonOf(line: ReactElement, words: string): () => void {
  type Button = ReactElement<{ children: ReactNode; onClick: () => void }>;
  const { children } = line.props as { children: Button[] };
  const button = children.find(({ type, props }) => type === 'button' && props.children === words);
  if (!button) throw new Error(`no button “${words}”`);
  return button.props.onClick;
}
