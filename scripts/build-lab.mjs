// Builds what other programs import from this package into out/lab: `labwire/lab` for Node and for browsers, `labwire/lab/react`, and their types.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';

const root = join(import.meta.dirname, '..');
const out = join(root, 'out', 'lab');

/** What each entry gives: names, and the source they come from. */
const PLAIN = [
  ['LabError', 'core/errors'],
  ['LabLinkStatus', 'published/lab-link'],
];
const ENTRIES = {
  node: [['createLabLink', 'published/lab-node'], ...PLAIN],
  browser: [['createLabLink', 'published/lab-browser'], ...PLAIN],
  react: [['useLabLink', 'published/use-lab-link'], ['createLabLink', 'published/lab-browser'], ...PLAIN],
};
const TYPES = {
  node: ['LabLink', 'LabLinkOptions'],
  browser: ['LabLink', 'LabLinkOptions'],
  react: ['LabLink', 'LabLinkOptions'],
};

/** Entries are made here: no file of the sources only passes things on. */
const entries = {
  name: 'entries',
  enforce: 'pre',
  resolveId(id) {
    const name = /(?:^|\/)entry:(\w+)$/.exec(id)?.[1];
    return name && `\0entry:${name}`;
  },
  load(id) {
    return ENTRIES[id.replace('\0entry:', '')]
      ?.map(([what, from]) => `export { ${what} } from ${JSON.stringify(join(root, 'src', `${from}.ts`))};`)
      .join('\n');
  },
};

async function bundle(names, target) {
  await build({
    configFile: false,
    root,
    logLevel: 'warn',
    plugins: [entries],
    publicDir: false,
    build: {
      outDir: out,
      emptyOutDir: false,
      target,
      minify: false,
      lib: { entry: Object.fromEntries(names.map((name) => [name, `entry:${name}`])), formats: ['es'] },
      rollupOptions: {
        external: [/^node:/, 'ws', 'react'],
        output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
      },
    },
  });
}

function declarations() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const sources = ['published/lab-node', 'published/lab-browser', 'published/use-lab-link'].map((name) =>
    join(root, 'src', `${name}.ts`),
  );
  const config = join(out, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.node.json'),
      compilerOptions: {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        rootDir: join(root, 'src'),
        outDir: join(out, 'types'),
        typeRoots: [join(root, 'node_modules', '@types')],
      },
      include: [],
      files: [...sources, join(root, 'src/core/platform.d.ts')],
    }),
  );
  execFileSync(process.execPath, [tsc, '-p', config], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  rmSync(config);
  for (const [name, exported] of Object.entries(ENTRIES)) {
    const lines = exported.map(([what, from]) => `export { ${what} } from './types/${from}.js';`);
    lines.push(`export type { ${TYPES[name].join(', ')} } from './types/published/lab-link.js';`);
    if (name === 'react') lines.push("export type { LabLinkState } from './types/published/use-lab-link.js';");
    writeFileSync(join(out, `${name}.d.ts`), `${lines.join('\n')}\n`);
  }
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await bundle(['node'], 'node20');
await bundle(['browser', 'react'], 'es2022');
declarations();
