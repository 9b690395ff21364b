import { expect, test } from 'vitest';
import type { SourceFile } from './source-tree.ts';
import { findCircles, readSources } from './source-tree.ts';

interface Floor {
  /** What lives there, for the message. */
  holds: string;
  /** Floors it may import beside itself. */
  floors: string[];
  /** Packages it may import; `node:` stands for all of Node. */
  packages: string[];
  /** Single files of other floors: who may import what. */
  exceptions?: { from: RegExp; to: RegExp }[];
}

const SHELL_TYPES = /^src\/preload\/shell\.ts$/;

/** The floor table of docs: a floor imports only floors below it. */
const FLOORS: Record<string, Floor> = {
  core: { holds: 'values and algorithms', floors: [], packages: [] },
  protocol: { holds: 'pure codecs: bytes in, messages out', floors: ['core'], packages: ['zod', '@msgpack/msgpack'] },
  contract: { holds: 'what a screen may say to an engine, and the links', floors: ['core'], packages: ['zod'] },
  lab: {
    holds: 'the client of lab servers, socket and clock injected',
    floors: ['core', 'protocol'],
    packages: ['zod'],
  },
  engine: {
    holds: 'instruments, recordings, alarms, bench file; Node, never Electron',
    floors: ['core', 'protocol', 'contract', 'lab'],
    packages: [
      'node:',
      'zod',
      'ws',
      'serialport',
      'usb',
      'koffi',
      'bonjour-service',
      'yaml',
      'fflate',
      '@mcap/core',
      'lz4-napi',
      '@bokuweb/zstd-wasm',
      'hyparquet-writer',
      'h5wasm',
      '@resvg/resvg-js',
    ],
  },
  simulator: {
    holds: 'instruments that serve the real protocols; it sits outside, like hardware',
    floors: ['core', 'protocol'],
    packages: ['node:', 'zod', 'ws', 'serialport', 'bonjour-service', 'yaml'],
  },
  hub: {
    holds: 'a screen that serves other clients: the lab-server protocols, REST, metrics',
    floors: ['core', 'protocol', 'contract'],
    packages: ['node:', 'zod', 'ws', 'fastify', '@fastify/swagger', 'fastify-type-provider-zod', 'jose', 'prom-client'],
    // Its process finds the engine as every command does.
    exceptions: [{ from: /^src\/hub\/main\.ts$/, to: /^src\/headless\/running-engine\.ts$/ }],
  },
  main: {
    holds: 'the Electron shell',
    floors: ['core', 'contract'],
    packages: ['node:', 'electron'],
    exceptions: [
      { from: /^src\/main\/engine-entry\.ts$/, to: /^src\/engine\// },
      { from: /./, to: SHELL_TYPES },
    ],
  },
  preload: { holds: 'passes the port to the page; the few shell calls', floors: ['contract'], packages: ['electron'] },
  headless: {
    holds: 'the command line and the browser host',
    floors: ['core', 'protocol', 'contract', 'lab', 'engine', 'simulator'],
    packages: ['node:', 'zod', 'ws'],
    // The command line keeps the hub's users and tokens.
    exceptions: [{ from: /^src\/headless\/commands\//, to: /^src\/hub\/access\// }],
  },
  published: {
    holds: 'what other programs import: a link to a lab server for Node, browsers and React',
    floors: ['core', 'lab'],
    packages: ['react'],
    exceptions: [{ from: /^src\/published\/lab-node\.ts$/, to: /^src\/engine\/(lab\/node-ports|system-clock)\.ts$/ }],
  },
  renderer: {
    holds: 'screens: React and uPlot, no Node',
    floors: ['core', 'contract'],
    packages: ['react', 'react-dom', 'uplot', 'qr', '@fontsource/inter', '@fontsource/jetbrains-mono'],
    exceptions: [{ from: /./, to: SHELL_TYPES }],
  },
};

/** Tests stand outside the building: they may use the instruments and hosts around what they test. */
const TEST_PACKAGES = ['node:', 'vitest', 'playwright-core', 'vite', 'electron', 'modbus-serial', 'hyparquet'];

const sources = readSources();
const own = sources.filter((file) => !file.isTest);

/** The package of a specifier: `react-dom/client` is of `react-dom`, `@mcap/core/x` of `@mcap/core`. */
function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function isAllowedPackage(specifier: string, packages: readonly string[]): boolean {
  return packages.some((allowed) =>
    allowed === 'node:' ? specifier.startsWith('node:') : packageOf(specifier) === allowed,
  );
}

/** What is wrong with one import, in words that say what to do; undefined if nothing is. */
function faultOf(file: SourceFile, specifier: string, target: string | undefined): string | undefined {
  const floor = FLOORS[file.floor];
  if (!floor)
    return `${file.path}: there is no floor src/${file.floor}; the floors are ${Object.keys(FLOORS).join(', ')}.`;
  if (target === undefined) {
    const packages = file.isTest ? [...floor.packages, ...TEST_PACKAGES] : floor.packages;
    if (isAllowedPackage(specifier, packages)) return undefined;
    const list = floor.packages.map((name) => (name === 'node:' ? 'node:*' : name)).join(', ') || 'no package at all';
    return `${file.path} imports ${specifier}: ${file.floor} (${floor.holds}) may use ${list}. Have it injected, or move the code to a floor that may.`;
  }
  const [root, other = ''] = target.split('/');
  if (file.isTest) return undefined;
  if (root !== 'src') return `${file.path} imports ${target}: sources import sources only.`;
  if (other === file.floor || floor.floors.includes(other)) return undefined;
  if (floor.exceptions?.some(({ from, to }) => from.test(file.path) && to.test(target))) return undefined;
  const allowed = floor.floors.length > 0 ? `may import ${floor.floors.join(', ')}` : 'imports no other floor';
  return `${file.path} imports ${target}: ${file.floor} (${floor.holds}) ${allowed}. If both need it, it belongs below both.`;
}

test('a floor imports only the floors and packages the table allows', () => {
  const faults = sources.flatMap((file) =>
    file.imports.flatMap(({ specifier, target }) => faultOf(file, specifier, target) ?? []),
  );
  expect(faults).toEqual([]);
});

test('the reader of imports sees them all', () => {
  // If this breaks, the fence above is blind.
  const entry = own.find((file) => file.path === 'src/main/engine-entry.ts');
  expect(entry?.imports.map(({ specifier }) => specifier)).toContain('../engine/engine.ts');
  const count = own.reduce((sum, file) => sum + file.imports.length, 0);
  const lines = own.reduce((sum, file) => sum + (file.code.match(/^(import|export)\b.*?from '/gm)?.length ?? 0), 0);
  expect(count).toBeGreaterThanOrEqual(lines);
});

test('no circles', () => {
  expect(findCircles(own), 'these files import each other: move what both need into a third').toEqual([]);
});

test('relative imports name the file with its ending', () => {
  const faults = sources.flatMap((file) =>
    file.imports
      .filter(({ specifier }) => specifier.startsWith('.') && !/\.(tsx?|css|svg|json)(\?\w+)?$/.test(specifier))
      .map(({ specifier }) => `${file.path}: ${specifier}`),
  );
  expect(faults, 'write ./ring.ts, not ./ring').toEqual([]);
});

test('no barrels and no default exports', () => {
  const barrels = own.filter((file) => /^export\s+(type\s+)?(\*|\{[^}]*\})\s*(as\s+\w+\s+)?from\s/m.test(file.code));
  expect(
    barrels.map((file) => file.path),
    'import a thing from the file that makes it, not from one that passes it on',
  ).toEqual([]);
  const defaults = own.filter((file) => /^export\s+default\b|^export\s+\{[^}]*\bas\s+default\b/m.test(file.code));
  expect(
    defaults.map((file) => file.path),
    'a thing has one name everywhere: export it by name',
  ).toEqual([]);
});

test('files are named for one thing, in kebab-case', () => {
  const faults = sources.filter(({ path }) => !/^src(\/[a-z0-9]+(-[a-z0-9]+)*)+(\.test)?\.tsx?$/.test(path));
  expect(
    faults.map((file) => file.path),
    'kebab-case',
  ).toEqual([]);
  const vague = sources.filter(({ path }) =>
    /(^|[/-])(utils?|helpers?|common|managers?|misc|service|shared)([/.-])/.test(path),
  );
  expect(
    vague.map((file) => file.path),
    'a name that says nothing: call it by what it does',
  ).toEqual([]);
  const index = own.filter(({ path }) => /\/index\.tsx?$/.test(path) && !/^src\/(main|preload)\/index\.ts$/.test(path));
  expect(
    index.map((file) => file.path),
    'index.ts is the entry of main and of preload, nothing else',
  ).toEqual([]);
});

test('half of the files are under 80 lines, nine in ten under 250', () => {
  const share = (limit: number): number => own.filter((file) => file.lines < limit).length / own.length;
  const longest = own
    .toSorted((a, b) => b.lines - a.lines)
    .slice(0, 25)
    .map((file) => `${file.lines} ${file.path}`);
  expect(share(80), 'too few small files: split by noun').toBeGreaterThanOrEqual(0.5);
  expect(share(250), `too many long files; the longest:\n${longest.join('\n')}`).toBeGreaterThanOrEqual(0.9);
});

test('no name of a machine, no mark of unfinished work', () => {
  const faults = sources.filter((file) => /\bTODO\b|\bFIXME\b|\bXXX\b|\/root\//.test(file.text));
  expect(faults.map((file) => file.path)).toEqual([]);
});

test('a time limit is held by somebody until it comes', () => {
  const pair = /AbortSignal\.any\(\s*\[[^\]]*AbortSignal\.timeout/;
  const faults = own.filter(({ text }) => pair.test(text.replace(/\/\*[\s\S]*?\*\//g, '')));
  expect(
    faults.map((file) => file.path),
    'AbortSignal.any does not hold the timeout it is given: collected, it never comes. Use timeLimit',
  ).toEqual([]);
});
