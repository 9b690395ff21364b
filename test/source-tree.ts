import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');

/** One import of a source file. */
export interface SourceImport {
  /** As written: `../core/batch.ts`, `node:fs`, `zod`. */
  specifier: string;
  /** For our own files the path from the root: `src/core/batch.ts`. */
  target: string | undefined;
}

export interface SourceFile {
  /** From the root, with `/`: `src/core/batch.ts`. */
  path: string;
  /** First folder below src: `core`. */
  floor: string;
  isTest: boolean;
  text: string;
  /** Without comments; the positions of the rest are not kept. */
  code: string;
  lines: number;
  imports: SourceImport[];
}

const COMMENTS = /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
const IMPORTS =
  /(?:^|[;\s}])(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

function readFile(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const code = text.replace(COMMENTS, (match, kept?: string) => kept ?? (match.startsWith('//') ? '' : ' '));
  const imports = [...code.matchAll(IMPORTS)].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    const target = specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), specifier)) : undefined;
    return { specifier, target: target?.replace(/\?.*$/, '') };
  });
  const floor = path.split('/')[1] ?? '';
  return {
    path,
    floor,
    isTest: /\.test\.tsx?$/.test(path),
    text,
    code,
    lines: text.trimEnd().split('\n').length,
    imports,
  };
}

/** Every TypeScript file below `src`, declarations left out. */
export function readSources(): SourceFile[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.d)\.tsx?$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
    .map(readFile);
}

/** Rings of files that import each other, each as `a → b → a`; every file is named in one ring at most. */
export function findCircles(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const state = new Map<string, 'open' | 'done'>();
  const circles: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    state.set(path, 'open');
    for (const { target } of byPath.get(path)?.imports ?? []) {
      if (target !== undefined && byPath.has(target)) visit(target, [...trail, path]);
    }
    state.set(path, 'done');
  };
  for (const { path } of files) visit(path, []);
  return circles;
}

/** Folder of a source file inside src: `engine/recording`. */
export function folderOf(path: string): string {
  return dirname(path).replace(/^src\/?/, '');
}
