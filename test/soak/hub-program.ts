/** A shared bench in a process of its own: an engine with a simulated supply, and its hub. Says where it is; answers `memory` with its heap after a collection. */
import { openHubLab } from '../hub/hub-harness.ts';

const hub = await openHubLab();
process.on('disconnect', () => process.exit());
process.on('message', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  process.send?.({ heapUsed, rss, connections: hub.hub.parts.connections.size, feeds: hub.bench.feeds.size });
});
process.send?.({ url: hub.url(), token: await hub.token('developer'), equipment: hub.bench.equipment[0]?.id });
