// Programs of the system that tests use: where they are, what they are for, how to get them. No dependencies.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** `names`: any of these programs does. `variable`: names the program by hand. `python`: a module of the system's Python. */
const PACKAGES = [
  {
    debian: 'chromium',
    variable: 'LABWIRE_CHROMIUM',
    names: ['chromium', 'chromium-browser', 'google-chrome'],
    purpose: 'every test with a page',
  },
  { debian: 'socat', names: ['socat'], purpose: 'pseudo-terminals of the simulated bench and of the serial tests' },
  { debian: 'iproute2', names: ['ip'], purpose: 'the private network of the peer tests' },
  { debian: 'lxi-tools', names: ['lxi'], purpose: 'peer tests: LXI discovery, VXI-11 and raw SCPI' },
  { debian: 'sigrok-cli', names: ['sigrok-cli'], purpose: 'peer tests: meters and supplies over raw SCPI' },
  { debian: 'mbpoll', names: ['mbpoll'], purpose: 'peer tests: Modbus' },
  { debian: 'rpcbind', names: ['rpcinfo'], folders: ['/usr/sbin', '/sbin'], purpose: 'peer tests: the portmapper' },
  { debian: 'usbip', names: ['usbip'], folders: ['/usr/sbin', '/sbin'], purpose: 'peer tests: USB/IP' },
  { debian: 'python3-pyvisa-py', python: 'pyvisa_py', purpose: 'peer tests: VISA in Python' },
  { debian: 'python3-zeroconf', python: 'zeroconf', purpose: 'peer tests: mDNS' },
  { debian: 'python3-websockets', python: 'websockets', purpose: 'peer tests: clients of a shared bench' },
  { debian: 'python3-requests', python: 'requests', purpose: 'peer tests: clients of a shared bench' },
  { debian: 'curl', names: ['curl'], purpose: 'peer tests: clients of a shared bench' },
  { debian: 'python3-prometheus-client', python: 'prometheus_client', purpose: 'peer tests: metrics' },
  { debian: 'prometheus', names: ['promtool'], purpose: 'peer tests: metrics (promtool)' },
  { debian: 'python3-numpy', python: 'numpy', purpose: 'peer tests: exported arrays' },
  { debian: 'python3-h5py', python: 'h5py', purpose: 'peer tests: exported HDF5' },
  { debian: 'python3-pandas', python: 'pandas', purpose: 'peer tests: exported tables' },
  { debian: 'hdf5-tools', names: ['h5dump'], purpose: 'peer tests: exported HDF5' },
];

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function find(names, more = []) {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...more]) {
    for (const name of names) {
      if (folder && isProgram(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

/** Python of the system, which has the modules its packages install; another one on PATH may not. */
const SYSTEM_PYTHON = '/usr/bin/python3';

function hasModule(name) {
  if (!isProgram(SYSTEM_PYTHON)) return false;
  return spawnSync(SYSTEM_PYTHON, ['-c', `import ${name}`], { stdio: 'ignore' }).status === 0;
}

/** Path of the program of a package (by its Debian name), or undefined: named by its variable, else found on PATH. */
export function findProgram(debian) {
  const { variable, names, folders, python } = PACKAGES.find((entry) => entry.debian === debian);
  if (python) return hasModule(python) ? SYSTEM_PYTHON : undefined;
  const named = variable && process.env[variable];
  return named ? (isProgram(named) ? named : undefined) : find(names, folders);
}

/** The packages that are not here: `{debian, purpose}` each. */
export function missingPackages() {
  return PACKAGES.filter((entry) => findProgram(entry.debian) === undefined);
}

/** The lines that name what is missing and the command that installs it; empty when nothing is. */
export function missingPackagesText() {
  const missing = missingPackages();
  if (missing.length === 0) return [];
  const names = missing.map((entry) => entry.debian).join(' ');
  return [
    ...missing.map(
      (entry) => `labwire: ${entry.debian} is missing: needed for ${entry.purpose}; those tests are skipped.`,
    ),
    process.platform === 'linux'
      ? `labwire: install with: sudo apt-get install -y ${names}`
      : `labwire: install ${names} and put it on PATH${process.platform === 'darwin' ? ` (brew install ${names})` : ''}.`,
  ];
}
