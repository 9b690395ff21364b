// A network of our own for tests that need low ports, broadcast and multicast: a new namespace with loopback and one interface
// bench0, 10.99.0.1/24. What runs in it reaches nothing outside, and nobody outside reaches it.
import { spawnSync } from 'node:child_process';

const SETUP = [
  'ip link set lo up',
  'ip link add bench0 type veth peer name bench1',
  'ip addr add 10.99.0.1/24 brd + dev bench0',
  'ip link set bench0 up',
  'ip link set bench1 up',
  'ip route add 224.0.0.0/4 dev bench0',
].join(' && ');

/** Program and arguments that run a command in a private network. */
export function inPrivateNetwork(program, args) {
  return { program: 'unshare', args: ['-rn', 'sh', '-c', `${SETUP} && exec "$0" "$@"`, program, ...args] };
}

/** Why there is no private network here; undefined if there is. */
export function privateNetworkUnavailable() {
  if (process.platform !== 'linux') return 'only Linux has network namespaces';
  const { program, args } = inPrivateNetwork('true', []);
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `the system makes no network namespace (${(error?.message ?? stderr).trim().split('\n')[0]}); Debian: apt-get install iproute2, and user namespaces or root`;
}
