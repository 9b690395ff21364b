import { LabError } from '../../../core/errors.ts';
import type { AddRoutes } from './route.ts';

/** Families of LabLink that no instrument and no part of the engine has anything for, and what to do instead. */
export const UNSUPPORTED: readonly (readonly [path: string, reason: string])[] = [
  ['/api/scheduler', 'Jobs that run by the clock are not offered over LabLink: recording plans of the bench do that.'],
  ['/api/calibration', 'Calibration records are not kept here.'],
  [
    '/api/performance',
    'Baselines of performance are not kept here: /metrics has the figures, for a program that keeps them.',
  ],
  ['/api/backup', 'Backups are not made over LabLink: copy the data folder of the bench, or upload its recordings.'],
  [
    '/api/analysis',
    'Analysis of numbers sent to the server is not offered: acquisitions have statistics, and recordings export to tools for it.',
  ],
  ['/api/testing', 'Test sequences are not run here.'],
  ['/api/database', 'Commands and measurements are kept in recordings, which are no database over LabLink.'],
  ['/api/state', 'Captured states are not kept here: a profile holds settings and applies them.'],
  [
    '/api/acquisition/sync',
    'Groups of acquisitions are not offered: all streams of the bench have one clock already, and one acquisition may have channels of one equipment.',
  ],
  ['/api/data/stream', 'There is nothing to configure: each client says its interval with start_stream.'],
  [
    '/api/alarms/notifications',
    'Notifications go to the screens of the bench and to sockets; mail and messages are not sent.',
  ],
  ['/api/discovery/recommendations', 'Nothing is recommended: the list says what can be opened.'],
  ['/api/discovery/history', 'The history of connections is not kept here.'],
  ['/api/discovery/settings', 'How the bench looks for instruments is set at the bench.'],
  ['/api/discovery/pi', 'Other computers are not looked for.'],
  ['/api/waveform/cursor', 'Cursors are a matter of the screen that shows the waveform.'],
  ['/api/waveform/math', 'Mathematics of channels is set at the bench (math channels).'],
  ['/api/waveform/persistence', 'Persistence is a matter of the screen that shows the waveform.'],
  ['/api/waveform/histogram', 'Histograms are not made here.'],
  ['/api/waveform/xy-plot', 'Plots are a matter of the screen.'],
  ['/api/waveform/continuous', 'Start a stream of waveforms on the socket instead.'],
  ['/api/waveform/info', 'See /openapi.json.'],
  ['/api/diagnostics/benchmark', 'Instruments are not measured for speed over LabLink: health counts real exchanges.'],
  ['/api/diagnostics/report', 'Ask for health of each equipment.'],
  ['/api/diagnostics/self-test', 'Self-tests are started at the instrument, or by its console.'],
  ['/api/diagnostics/calibration', 'Calibration records are not kept here.'],
  ['/api/diagnostics/comprehensive', 'Ask for health of each equipment.'],
  ['/api/diagnostics/stats', 'Connections are counted by the bench itself.'],
  ['/api/diagnostics/pi-diagnostics', 'Other computers are not looked at.'],
  ['/api/security/ip-whitelist', 'Addresses are a matter of the firewall.'],
  ['/api/security/audit-log', 'The log of the hub and the events of the bench say who did what.'],
  ['/api/security/oauth2', 'Logins of other services are not taken.'],
  ['/api/security/mfa/backup-codes', 'Set up one-time codes anew: that makes new backup codes.'],
  ['/api/system/update', 'Updates are installed at the bench.'],
  ['/firmware', 'Firmware of instruments is not changed over the hub.'],
];

/** Answers what is not offered with 501 and the reason, rather than with silence or a pretended success. */
export const addUnsupportedRoutes: AddRoutes = (app) => {
  for (const [path, reason] of UNSUPPORTED)
    for (const url of [path, `${path}/*`])
      app.all(url, { config: { right: 'open' }, schema: { hide: true } }, () => {
        throw new LabError('hub.unsupported', `${reason} Nothing was done.`);
      });
};
