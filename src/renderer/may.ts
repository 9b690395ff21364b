import type { Right } from '../contract/calls.ts';
import { linkStore } from './engine-link.ts';
import { useStore } from './store.ts';

/** Whether this screen may; true while no engine has said what it may. */
export function useMay(right: Right): boolean {
  return useStore(linkStore, ({ engine }) => engine?.rights.includes(right) ?? true);
}
