import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** As the contract has it. */
const MAX_URLS = 32;
const ANY_IPV4 = '0.0.0.0';
const ANY_IPV6 = '[::]';
/** Bridges and tunnels of programs: nobody else is on them as a rule, so they come last. */
const OF_PROGRAMS = /^(docker|br-|veth|virbr|vboxnet|vmnet|tun|tap|utun|zt|ifb)/;

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Addresses that others can use: a port that is open on every network (`0.0.0.0`, `[::]`) under each address of this machine, other ports as they are.
 * Names of the certificate come first, for no client warns of them; loopback stands alone where there is no network. At most 32, port by port.
 *
 * @param opened Addresses as the ports were opened, `https://0.0.0.0:8000`.
 * @param names DNS names of the certificate.
 */
export function shareUrls(
  opened: readonly string[],
  names: readonly string[],
  interfaces: Interfaces = networkInterfaces(),
): string[] {
  const perPort = Math.max(1, Math.floor(MAX_URLS / Math.max(1, opened.length)));
  return opened
    .flatMap((url) => {
      const { protocol, hostname, port } = new URL(url);
      if (hostname !== ANY_IPV4 && hostname !== ANY_IPV6) return [url];
      const addresses = addressesOf(interfaces, hostname === ANY_IPV6);
      const known = [...names.filter(isPublicName), ...addresses];
      const hosts = known.length > 0 ? known : ['127.0.0.1'];
      return hosts.slice(0, perPort).map((host) => `${protocol}//${host}${port === '' ? '' : `:${port}`}`);
    })
    .slice(0, MAX_URLS);
}

/** A name with a domain; one without (`localhost`, `bench`) may lead elsewhere at another machine. */
function isPublicName(name: string): boolean {
  return name.includes('.') && !name.startsWith('*');
}

function addressesOf(interfaces: Interfaces, hasIpv6: boolean): string[] {
  const found = Object.entries(interfaces).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter(({ internal, family }) => !internal && (family === 'IPv4' || hasIpv6))
      // An address of the link alone wants the name of an interface, which is another one at each machine.
      .filter(({ address }) => !/^fe[89ab]/i.test(address))
      .map(({ address, family }) => ({
        host: family === 'IPv6' ? `[${address}]` : address,
        rank: (OF_PROGRAMS.test(name) ? 4 : 0) + (address.startsWith('169.254.') ? 2 : 0) + (family === 'IPv6' ? 1 : 0),
      })),
  );
  return [...new Set(found.sort((a, b) => a.rank - b.rank).map(({ host }) => host))];
}
