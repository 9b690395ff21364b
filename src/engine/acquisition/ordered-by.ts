import type { CallContext } from '../../contract/serve.ts';

/** Whose order it is, and how long they wait for it. A call's context is one. */
export type OrderedBy = Pick<CallContext, 'who' | 'as' | 'deadline'>;

/** ` by anna (client 7f)` behind the line of an event, where it came through the hub: who stands at the bench knows what they did. */
export function byText({ as, who }: OrderedBy): string {
  return as ? ` by ${who}` : '';
}
