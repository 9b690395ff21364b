import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { HostServices } from '../host-services.ts';
import type { StateBoard } from './state-board.ts';

/** The host, with what it tells the person told on every screen too: a browser shows no message of the system, and another screen may be the one looked at. */
export function createNoticingHost(host: HostServices, board: StateBoard, clock: Clock): HostServices {
  return {
    host: host.host,
    get unavailable() {
      return host.unavailable;
    },
    ...(host.secrets ? { secrets: host.secrets } : {}),
    notify(notice) {
      const { text, severity } = notice;
      board.publish('notice.raised', { notice: { id: randomUUID(), t: String(clock.nowNs()), severity, text } });
      host.notify(notice);
    },
    blockSleep: (on) => host.blockSleep(on),
    startSimulator: () => host.startSimulator(),
    startHub: () => host.startHub(),
    onWake: (listener) => host.onWake(listener),
    onOutputsOff: (listener) => host.onOutputsOff(listener),
  };
}
