import { maySubscribe } from '../access/role.ts';
import type { OpenDialect } from '../dialect.ts';
import type { SocketDoor } from '../server/door.ts';
import { HealthSession } from './health-session.ts';
import { DEFAULT_MODULE, MODULES, ModuleRack } from './modules.ts';
import { PowerSession, type PowerStream } from './power-session.ts';
import { powerMeterRoutes } from './rest.ts';

const MAX_MESSAGE_BYTES = 64 * 1024;

const NO_READINGS = {
  status: 403,
  text: 'Values of this bench are for those with a login. Give a token, or let clients without a login read values in the settings of the hub.',
};

/** The power meter ("gold standard" v2): values of an instrument of the bench as those of a module. */
export const openPowerMeterDialect: OpenDialect = (parts) => {
  const rack = new ModuleRack(parts.bench);
  const common = { token: 'refuse', maxMessageBytes: MAX_MESSAGE_BYTES, deflate: true } as const;
  const power: SocketDoor = {
    ...common,
    paths: ['/api/v1/ws/v2/power', '/ws/power'],
    check: (url, { role }) => {
      if (!maySubscribe(role, 'readings', parts.roles)) return NO_READINGS;
      const stream = streamOf(url);
      return 'status' in stream ? stream : undefined;
    },
    enter: (visit) => {
      const stream = streamOf(visit.url);
      if (!('status' in stream)) new PowerSession(parts, rack, visit, stream);
    },
  };
  const health: SocketDoor = {
    ...common,
    paths: ['/api/v1/ws/v2/health', '/ws/health'],
    enter: (visit) => void new HealthSession(parts, visit),
  };
  return { doors: [power, health], routes: (app) => powerMeterRoutes(app, parts, rack) };
};

/** Module and interval of an address; what is out of range refuses the handshake as the original does, but says why. */
function streamOf(url: URL): PowerStream | { status: number; text: string } {
  const module = Number(url.searchParams.get('module') ?? DEFAULT_MODULE);
  const intervalS = Number(url.searchParams.get('interval') ?? 0.1);
  if (!Number.isInteger(module) || module < 1 || module > MODULES)
    return { status: 403, text: `module must be a whole number from 1 to ${MODULES}.` };
  if (!(intervalS >= 0.01 && intervalS <= 10)) return { status: 403, text: 'interval must be from 0.01 to 10 s.' };
  return { module, intervalS };
}
