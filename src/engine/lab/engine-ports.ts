import type { Clock } from '../../core/clock.ts';
import type { LabPorts } from '../../lab/ports.ts';
import type { HostServices } from '../host-services.ts';
import { createNodePorts } from './node-ports.ts';

/** The ports of Node; the end of a sleep counts as a change of the network, too. */
export function createEnginePorts(clock: Clock, host: Pick<HostServices, 'onWake'>): LabPorts & Disposable {
  const node = createNodePorts(clock);
  return {
    ...node,
    onNetworkChange(listener) {
      const watches = [node.onNetworkChange(listener), host.onWake(listener)];
      return {
        [Symbol.dispose]: () => {
          for (const watch of watches) watch[Symbol.dispose]();
        },
      };
    },
    [Symbol.dispose]: () => node[Symbol.dispose](),
  };
}
