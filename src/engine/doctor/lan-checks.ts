import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Resource } from '../../core/resource-shape.ts';
import { type Knock, knock } from '../discovery/connect-probe.ts';
import { type Check, fine, type Patient, problem } from './patient.ts';

/** Ports whose state says whether a host is there at all, and whether it speaks another way. */
const OTHER_PORTS: { port: number; way: string; resource(host: string): string | undefined }[] = [
  { port: 5025, way: 'raw SCPI socket', resource: (host) => `TCPIP0::${host}::5025::SOCKET` },
  { port: 5555, way: 'raw SCPI socket (Rigol)', resource: (host) => `TCPIP0::${host}::5555::SOCKET` },
  { port: 4000, way: 'raw SCPI socket (Tektronix)', resource: (host) => `TCPIP0::${host}::4000::SOCKET` },
  { port: 4880, way: 'HiSLIP', resource: (host) => `TCPIP0::${host}::hislip0::INSTR` },
  { port: 111, way: 'VXI-11', resource: (host) => `TCPIP0::${host}::inst0::INSTR` },
  { port: 80, way: 'web page', resource: () => undefined },
];

/** Host and TCP port of a resource; undefined where there is none (serial lines, datagrams). */
function tcpEnd(parsed: Resource): { host: string; port: number } | undefined {
  switch (parsed.kind) {
    case 'socket':
    case 'hislip':
      return { host: parsed.host, port: parsed.port };
    case 'vxi11':
      return { host: parsed.host, port: parsed.corePort ?? 111 };
    case 'prologix':
    case 'modbus':
      return parsed.line.kind === 'tcp' ? parsed.line : undefined;
    case 'usb':
      return parsed.usbip;
    default:
      return undefined;
  }
}

/** The name has an address. */
export const nameCheck: Check = {
  id: 'name',
  title: 'Name',
  async look(patient) {
    const end = tcpEnd(patient.parsed);
    if (!end) return undefined;
    const host = end.host.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host.replace(/%.*$/, ''))) {
      return fine(`${host} is an address; no name has to be looked up.`);
    }
    try {
      const addresses = (await lookup(host, { all: true })).map(({ address }) => address);
      return fine(`${host} has the address ${addresses.join(', ')}.`);
    } catch (error) {
      const { code = String(error) } = error as NodeJS.ErrnoException;
      if (code === 'EAI_AGAIN')
        return problem(
          `The name ${host} cannot be looked up: no name server answers (${code}).`,
          'Check the network of this machine, or use the IP address the instrument shows in its LAN settings.',
        );
      return problem(
        `The name ${host} has no address (${code}).`,
        `Check the spelling, or use the IP address the instrument shows in its LAN settings.${host.endsWith('.local') ? ' Names that end with .local need mDNS on this machine.' : ''}`,
      );
    }
  },
};

/** The port answers; if not, what can be told of host and network. */
export const portCheck: Check = {
  id: 'port',
  title: 'Port',
  async look(patient) {
    const end = tcpEnd(patient.parsed);
    if (!end) return undefined;
    const { host, port } = end;
    const result = await knock(host, port, patient.limits.answerMs, patient.signal);
    patient.signal.throwIfAborted();
    if (result === 'open') return fine(`Something listens on port ${port} of ${host}.`);
    const others = await knockOthers(patient, host, port);
    const isHostThere = result === 'refused' || others.some((other) => other.result !== 'silent');
    const open = others.filter((other) => other.result === 'open');
    const instead = open.find(({ resource }) => resource(host) !== undefined);
    const hint = instead
      ? ` Its ${instead.way} answers: use ${instead.resource(host)}.`
      : open.length > 0
        ? ` Its ${open.map(({ way, port: at }) => `${way} (port ${at})`).join(', ')} answers.`
        : '';
    const more = instead?.resource(host) === undefined ? {} : { paste: instead.resource(host) ?? '' };
    return explain(result, host, port, isHostThere, hint, more);
  },
};

function explain(
  result: Knock,
  host: string,
  port: number,
  isHostThere: boolean,
  hint: string,
  more: { paste?: string },
): ReturnType<typeof problem> {
  if (result === 'refused')
    return problem(
      `${host} is there, but refuses port ${port}: nothing listens on it.`,
      `Check the port number, and that remote control (LAN, SCPI) is switched on at the instrument. Some instruments take one client at a time: close the other one.${hint}`,
      more,
    );
  if (result === 'unreachable')
    return problem(
      `There is no route to ${host}: its network cannot be reached from here.`,
      'Check the cable, and that this machine and the instrument are in the same network (same first numbers of the address).',
    );
  if (isHostThere)
    return problem(
      `${host} is there, but port ${port} gives no answer at all, neither yes nor no. That is what a firewall does.`,
      `Allow port ${port} in the firewall of the instrument, or of the machine between. From here it cannot be told which of them drops it.${hint}`,
      more,
    );
  return problem(
    `${host} gives no answer at all, on port ${port} or any other usual one.`,
    'It may be switched off, asleep, unplugged, have another address by now (DHCP), or a firewall may drop everything: from here these look the same. Look at the LAN settings of the instrument; a ping shows whether it is there.',
    { paste: `ping ${host}` },
  );
}

async function knockOthers(patient: Patient, host: string, port: number) {
  const others = OTHER_PORTS.filter((other) => other.port !== port);
  const results = await Promise.all(
    others.map(async (other) => ({
      ...other,
      result: await knock(host, other.port, Math.min(800, patient.limits.answerMs), patient.signal),
    })),
  );
  patient.signal.throwIfAborted();
  return results;
}
