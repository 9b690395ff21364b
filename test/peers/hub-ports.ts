import type { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from '../hub/hub-harness.ts';

/** The ports that the documents of the older servers name; REST is the same on all. */
const PORTS = [
  { host: '127.0.0.1', port: 8000, profile: 'neurograph' },
  { host: '127.0.0.1', port: 8001, profile: 'lablink' },
  { host: '127.0.0.1', port: 8002, profile: 'power-meter' },
  { host: '127.0.0.1', port: 8003, profile: 'native' },
] as const;

/** A shared bench on the ports of the documents: examples run as they are written. Only in the private network, where nobody else has them. */
export async function openHubOnItsPorts(scope: Scope): Promise<HubLab> {
  return scope.use(
    await openHubLab({ attach: ['supply', 'scope'], hub: { ports: PORTS, roles: { anonymousReadings: true } } }),
  );
}
