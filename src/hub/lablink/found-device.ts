import type { FoundInstrument } from '../../contract/discovery-schema.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { isoTime } from '../server-time.ts';

const TYPES: Readonly<Record<FoundInstrument['role'], string>> = {
  supply: 'power_supply',
  load: 'electronic_load',
  scope: 'oscilloscope',
  meter: 'multimeter',
  stream: 'unknown',
  unknown: 'unknown',
};

/** A found instrument in the words of LabLink. */
export interface DiscoveredDevice {
  device_id: string;
  resource_name: string;
  manufacturer: string | null;
  model: string | null;
  serial_number: string | null;
  firmware_version: string | null;
  device_type: string;
  ip_address: string | null;
  hostname: string | null;
  mac_address: null;
  port: number | null;
  discovery_method: string;
  discovered_at: string;
  last_seen: string;
  status: 'available' | 'connected' | 'offline' | 'error';
  is_connected: boolean;
  friendly_name: string;
  alias: null;
  location: null;
  tags: string[];
  capabilities: string[];
  metadata: Record<string, unknown>;
  signal_strength: null;
  response_time_ms: null;
  /** 1 for what said who it is, 0.3 for what was not asked. */
  confidence_score: number;
  recommended: boolean;
}

export function discoveredDevice(found: FoundInstrument, bench: HubBench): DiscoveredDevice {
  const [maker = null, model = null, serial = null, firmware = null] = (found.idn ?? '')
    .split(',')
    .map((part) => part.trim() || null);
  const resource = found.resources[0] ?? found.paths[0]?.resource ?? '';
  const seen = isoTime(BigInt(found.paths.reduce((newest, { seenNs }) => (seenNs > newest ? seenNs : newest), '0')));
  const network = /^TCPIP\d*::([^:]+|\[[^\]]+\])(?:::(\d+))?/i.exec(resource);
  const attached = bench.equipment.find(({ instrument }) => instrument.id === found.instrument);
  return {
    device_id: attached?.id ?? found.key,
    resource_name: resource,
    manufacturer: maker,
    model: model ?? found.name,
    serial_number: serial,
    firmware_version: firmware,
    device_type: TYPES[found.role],
    ip_address: network?.[1] ?? null,
    hostname: null,
    mac_address: null,
    port: network?.[2] === undefined ? null : Number(network[2]),
    discovery_method: methodOf(found.source),
    discovered_at: seen,
    last_seen: seen,
    status: statusOf(found.state),
    is_connected: attached !== undefined,
    friendly_name: found.name,
    alias: null,
    location: null,
    tags: [],
    capabilities: [],
    metadata: { source: found.source, note: found.reason ?? null },
    signal_strength: null,
    response_time_ms: null,
    confidence_score: found.idn === null ? 0.3 : 1,
    recommended: found.state === 'available',
  };
}

/** LabLink's five words for how something was found. */
function methodOf(source: FoundInstrument['source']): string {
  if (source === 'mdns') return 'mdns';
  if (source === 'usb' || source === 'usbtmc') return 'usb';
  return source === 'remembered' ? 'cache' : 'visa';
}

function statusOf(state: FoundInstrument['state']): DiscoveredDevice['status'] {
  if (state === 'attached') return 'connected';
  if (state === 'gone') return 'offline';
  return state === 'unusable' ? 'error' : 'available';
}
