/** One step of a session, as a script repeats it. */
export interface ScriptStep {
  text: string;
  /** ms since the step before; kept, because instruments need their time. */
  pauseMs: number;
}

export type ScriptLanguage = 'python' | 'typescript';

/** Pauses below are how fast a person's program can be, not something the person meant. */
const SHORTEST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 10_000;

/**
 * The session as a program: Python with PyVISA, or TypeScript that calls `labwire query`, so that limits and locks of the bench hold for it
 * too. Queries print their reply.
 */
export function scriptOf(language: ScriptLanguage, resource: string, steps: readonly ScriptStep[]): string {
  return language === 'python' ? pythonOf(resource, steps) : typescriptOf(resource, steps);
}

function pythonOf(resource: string, steps: readonly ScriptStep[]): string {
  const lines = [
    'import time',
    '',
    'import pyvisa',
    '',
    `with pyvisa.ResourceManager().open_resource(${quote(resource)}) as instrument:`,
    "    instrument.read_termination = instrument.write_termination = '\\n'",
  ];
  for (const { text, pauseMs } of steps) {
    const pause = pauseS(pauseMs);
    if (pause > 0) lines.push(`    time.sleep(${pause})`);
    lines.push(
      text.includes('?') ? `    print(instrument.query(${quote(text)}))` : `    instrument.write(${quote(text)})`,
    );
  }
  if (steps.length === 0) lines.push('    pass');
  return `${lines.join('\n')}\n`;
}

function typescriptOf(resource: string, steps: readonly ScriptStep[]): string {
  const lines = [
    "import { execFileSync } from 'node:child_process';",
    "import { setTimeout as sleep } from 'node:timers/promises';",
    '',
    `const RESOURCE = ${quote(resource)};`,
    "const ask = (text: string): string => execFileSync('labwire', ['query', RESOURCE, text], { encoding: 'utf8' }).trim();",
    '',
  ];
  let sleeps = false;
  for (const { text, pauseMs } of steps) {
    const pause = pauseS(pauseMs);
    if (pause > 0) {
      lines.push(`await sleep(${pause * 1000});`);
      sleeps = true;
    }
    lines.push(text.includes('?') ? `console.log(ask(${quote(text)}));` : `ask(${quote(text)});`);
  }
  return `${(sleeps ? lines : lines.filter((line) => !line.includes('node:timers'))).join('\n')}\n`;
}

function pauseS(pauseMs: number): number {
  return pauseMs < SHORTEST_PAUSE_MS ? 0 : Math.round(Math.min(pauseMs, LONGEST_PAUSE_MS) / 100) / 10;
}

/** A literal of both languages. */
function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replace(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)}'`;
}
