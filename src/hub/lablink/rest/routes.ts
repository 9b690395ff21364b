import { addAcquisitionRoutes } from './acquisition-routes.ts';
import { addAcquisitionStatsRoutes } from './acquisition-stats-routes.ts';
import { addAlarmEventRoutes } from './alarm-event-routes.ts';
import { addAlarmRoutes } from './alarm-routes.ts';
import { addDiagnosticsRoutes } from './diagnostics-routes.ts';
import { addDiscoveryRoutes } from './discovery-routes.ts';
import { addEquipmentRoutes } from './equipment-routes.ts';
import { addLockRoutes } from './lock-routes.ts';
import { addLockSessionRoutes } from './lock-session-routes.ts';
import { addLoginRoutes } from './login-routes.ts';
import { addProfileRoutes } from './profile-routes.ts';
import type { AddRoutes } from './route.ts';
import { addSafetyRoutes } from './safety-routes.ts';
import { addServerRoutes } from './server-routes.ts';
import { addUnsupportedRoutes } from './unsupported-routes.ts';
import { addUserRoutes } from './user-routes.ts';
import { addWaveformRoutes } from './waveform-routes.ts';
import { addWebSocketRoutes } from './websocket-routes.ts';

/** The REST of LabLink. */
export const addLabLinkRoutes: AddRoutes = (app, place) => {
  for (const add of [
    addServerRoutes,
    addLoginRoutes,
    addUserRoutes,
    addEquipmentRoutes,
    addLockRoutes,
    addLockSessionRoutes,
    addSafetyRoutes,
    addAlarmEventRoutes,
    addAlarmRoutes,
    addWaveformRoutes,
    addAcquisitionRoutes,
    addAcquisitionStatsRoutes,
    addWebSocketRoutes,
    addProfileRoutes,
    addDiscoveryRoutes,
    addDiagnosticsRoutes,
    addUnsupportedRoutes,
  ])
    add(app, place);
};
