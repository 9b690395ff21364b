// Programs of the system that tests use: where they are, what they are for, how to get them. No dependencies.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** `names`: any of these programs does. `variable`: names the program by hand. */
const PACKAGES = [
  {
    debian: 'chromium',
    variable: 'LABWIRE_CHROMIUM',
    names: ['chromium', 'chromium-browser', 'google-chrome'],
    purpose: 'every test with a page',
  },
  { debian: 'socat', names: ['socat'], purpose: 'pseudo-terminals of the simulated bench and of the serial tests' },
];

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function find(names) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      if (folder && isProgram(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

/** Path of the program of a package (by its Debian name), or undefined: named by its variable, else found on PATH. */
export function findProgram(debian) {
  const { variable, names } = PACKAGES.find((entry) => entry.debian === debian);
  const named = variable && process.env[variable];
  return named ? (isProgram(named) ? named : undefined) : find(names);
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
