import type { CallParsed } from '../../contract/calls.ts';
import type { CallContext, Handlers } from '../../contract/serve.ts';
import { HUB_CALLS, type HubCall } from '../../contract/share-calls.ts';
import type { EngineParts } from '../engine-parts.ts';

type ShareCall = HubCall | 'share.offer' | 'share.report' | 'share.answer';

/** Sharing the bench: what the hub says, and what screens ask of it. */
export function createShareCalls({ share }: EngineParts): Pick<Handlers, ShareCall> {
  const carried = Object.fromEntries(
    HUB_CALLS.map((call) => [
      call,
      (input: CallParsed<HubCall>, context: CallContext) => share.ask(call, input, context),
    ]),
  );
  return {
    // Each goes to the hub under its own name; TypeScript cannot see that through the list.
    ...(carried as unknown as Pick<Handlers, HubCall>),
    'share.offer': (_input, context) => {
      share.offer(context);
      return {};
    },
    'share.report': (state, context) => {
      share.report(context, state);
      return {};
    },
    'share.answer': (answer, context) => {
      share.answer(context, answer);
      return {};
    },
  };
}
