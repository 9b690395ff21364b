import type { Handlers } from '../../contract/serve.ts';
import { canonicalResource } from '../../core/resource.ts';
import type { EngineParts } from '../engine-parts.ts';

type DiscoveryCall =
  | 'instrument.find'
  | 'instrument.adopt'
  | 'discovery.watch'
  | 'discovery.search'
  | 'discovery.scan'
  | 'discovery.cancel'
  | 'discovery.forget';

/** Calls about what there is to attach. */
export function createDiscoveryCalls({ discovery, instruments, known }: EngineParts): Pick<Handlers, DiscoveryCall> {
  /** Screens that have watched: each leaves once. */
  const leaving = new WeakSet<object>();
  return {
    'instrument.find': async ({ withinMs, expression }, { signal }) => ({
      found: await discovery.find(withinMs, expression, signal),
    }),
    'instrument.adopt': async ({ instrument }) => {
      const attachment = await instruments.adopt(instrument);
      await attachment.ready;
      return { instrument: attachment.id };
    },
    'discovery.watch': ({ on }, { screen }) => {
      if (on && !leaving.has(screen)) {
        leaving.add(screen);
        screen.scope.defer(() => discovery.watch(screen, false));
      }
      discovery.watch(screen, on);
      return {};
    },
    'discovery.search': ({ sources }) => {
      void discovery.search(sources);
      return {};
    },
    'discovery.scan': ({ subnet }) => {
      discovery.scan(subnet);
      return {};
    },
    'discovery.cancel': () => {
      discovery.cancel();
      return {};
    },
    'discovery.forget': ({ resource }) => {
      known.forget(canonicalResource(resource));
      discovery.refresh('remembered');
      return {};
    },
  };
}
