import type { Finding } from '../lab-server.ts';
import type { SocketKind } from './socket-protocol.ts';
import type { SocketTrust } from './socket-trust.ts';
import { isShippedVersion } from './socket-trust.ts';

export interface Known {
  version: string;
  kind: SocketKind | undefined;
  trust: SocketTrust;
  /** /health and the list count differently. */
  isSplit: boolean;
  security: boolean;
  hasToken: boolean;
}

/** What works and what is broken on this server, for a person to read. */
export function findingsOf(known: Known): Finding[] {
  const { version, kind, trust, isSplit, security, hasToken } = known;
  const found: Finding[] = [liveReadings(kind, trust)];
  found.push(
    kind === 'enhanced'
      ? { feature: 'enhanced socket', state: 'works', text: 'Compression, priorities and recordings on the server.' }
      : {
          feature: 'enhanced socket',
          state: 'absent',
          text: 'The server speaks the basic protocol: no priorities, no server-side recording.',
        },
  );
  if (isSplit)
    found.push({
      feature: 'instruments',
      state: 'partly',
      text: 'The server keeps two sets of instruments: those it found by itself are not in its list. Connect them with the command connect; waveforms and alarms of its other set stay out of reach.',
    });
  if (security && !hasToken)
    found.push({
      feature: 'login',
      state: 'partly',
      text: 'Live data want a login. Everything else works without one, for anybody in the network: locks, outputs, alarms.',
    });
  return isShippedVersion(version) ? [...found, ...SHIPPED] : found;
}

function liveReadings(kind: SocketKind | undefined, trust: SocketTrust): Finding {
  const feature = 'live readings';
  if (kind === undefined) return { feature, state: 'absent', text: 'No socket stands: readings are polled.' };
  if (trust.state === 'works') return { feature, state: 'works', text: trust.why };
  if (trust.state === 'kills') return { feature, state: 'broken', text: `${trust.why} Readings are polled.` };
  return { feature, state: 'partly', text: `${trust.why} Until then readings are polled.` };
}

/** Of the versions up to 1.2.5. */
const SHIPPED: readonly Finding[] = [
  {
    feature: 'emergency stop',
    state: 'partly',
    text: 'The server switches off channel 1 of each supply only, and lets outputs be switched on again. Labwire switches off every channel, reads each back, and keeps its own latch.',
  },
  {
    feature: 'alarms',
    state: 'partly',
    text: 'The server never measures for its alarms: they fire only when a client checks a value. Set alarms in Labwire.',
  },
  { feature: 'jobs', state: 'broken', text: 'Jobs can be made but never run.' },
  {
    feature: 'waveforms',
    state: 'partly',
    text: 'Captures give samples of simulated instruments only; real drivers lack the command.',
  },
  {
    feature: 'acquisition',
    state: 'partly',
    text: 'Triggers are ignored, real drivers give NaN, the state stays "acquiring" after the end, and files stay on the server. Record in Labwire.',
  },
  {
    feature: 'diagnostics',
    state: 'broken',
    text: 'Simulated instruments are always critical; the system report fails.',
  },
  {
    feature: 'locks',
    state: 'partly',
    text: 'Any client may take any lock by force, and set_resistance, set_power, triggers and autoscale need none.',
  },
];
