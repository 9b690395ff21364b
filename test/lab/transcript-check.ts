import { LabError } from '../../src/core/errors.ts';
import type { ControlValue } from '../../src/core/instrument.ts';
import type { Driver } from '../../src/engine/driver/driver.ts';
import type { TranscriptBench } from './transcript-bench.ts';
import type { Transcript, TranscriptCheck } from './transcript-schema.ts';

/** Samples are 32 bit floats. */
const RELATIVE = 2e-6;
const { signal } = new AbortController();

/** What is wrong with the driver, in words; empty if it matches the transcript. Each check is to begin on a bench of its own. */
export async function runCheck(
  bench: TranscriptBench,
  check: TranscriptCheck,
  transcript: Transcript,
): Promise<string[]> {
  const problems: string[] = [];
  const { unit } = bench;
  Object.assign(unit.state, check.given);
  let before = { ...unit.state };
  const passive = async (steps: () => Promise<void>): Promise<void> => {
    await attempt(problems, steps);
    problems.push(...changes(before, unit.state, transcript.scratch));
    before = { ...unit.state };
  };
  if (check.read) await passive(() => checkRead(bench, check.read ?? {}, problems));
  if (check.limits) checkLimits(bench.driver, check.limits, problems);
  if (check.poll) await passive(() => checkPoll(bench, check.poll ?? {}, problems));
  if (check.status) await passive(() => checkStatus(bench, check.status ?? {}, problems));
  if (check.set) await attempt(problems, () => checkSet(bench, check.set, problems));
  if (check.capture) await attempt(problems, () => checkCapture(bench, check.capture, problems));
  if (check.screenshot !== undefined)
    await attempt(problems, () => checkScreenshot(bench, check.screenshot ?? [], problems));
  if (check.off) await attempt(problems, () => checkOff(bench, check.off ?? [], check.unsure ?? [], problems));
  if (check.set?.refused) problems.push(...changes(before, unit.state, transcript.scratch));
  for (const [name, value] of Object.entries(check.leaves ?? {})) {
    if (!isSame(unit.state[name], value)) problems.push(`state ${name}: should be ${value}, is ${unit.state[name]}`);
  }
  problems.push(...unit.failures.splice(0));
  problems.push(...bench.reports.splice(0).map(({ message }) => `reported: ${message}`));
  return problems;
}

/** Attaching changes nothing but what selecting and formatting need, and asks nothing the source does not document. */
export function checkOpening(bench: TranscriptBench, transcript: Transcript): string[] {
  const problems = changes(transcript.state, bench.unit.state, transcript.scratch);
  const { maker, model, serial, firmware } = transcript.identity;
  for (const [field, value] of Object.entries({ maker, model, serial, firmware })) {
    const is = bench.identity[field as keyof typeof bench.identity];
    if (is !== value) problems.push(`identity: ${field} should be '${value}', is '${is}'`);
  }
  if (bench.driver.shape.role !== transcript.role) {
    problems.push(`role should be ${transcript.role}, is ${bench.driver.shape.role}`);
  }
  const resets = bench.unit.requests.filter((request) => /\*(RST|RCL|SAV)/i.test(request));
  if (resets.length > 0) problems.push(`attaching sent ${resets.join(', ')}`);
  return [...problems, ...bench.unit.failures.splice(0), ...bench.reports.map(({ message }) => `reported: ${message}`)];
}

/** Giving the front panel back asks nothing the source does not document, and changes nothing else. */
export async function checkLocal(bench: TranscriptBench, transcript: Transcript): Promise<string[]> {
  const problems: string[] = [];
  const before = { ...bench.unit.state };
  await attempt(problems, async () => bench.run(bench.driver.toLocal?.() ?? Promise.resolve()));
  problems.push(...changes(before, bench.unit.state, transcript.scratch));
  return [...problems, ...bench.unit.failures.splice(0)];
}

async function checkRead(
  bench: TranscriptBench,
  wanted: Record<string, ControlValue>,
  problems: string[],
): Promise<void> {
  const got = await bench.run(bench.driver.readControls(Object.keys(wanted), signal));
  compare('read-back', wanted, got, problems);
  const all = await bench.run(bench.driver.readControls(undefined, signal));
  compare('read-back of all', wanted, all, problems);
}

async function checkPoll(
  bench: TranscriptBench,
  wanted: NonNullable<TranscriptCheck['poll']>,
  problems: string[],
): Promise<void> {
  const row = await bench.run(required(bench.driver, 'poll').call(bench.driver, signal));
  const names = bench.driver.shape.polled.map(({ channel }) => channel);
  for (const [name, value] of Object.entries(wanted)) {
    const index = names.indexOf(name);
    if (index < 0) {
      problems.push(`channel ${name} is not polled (${names.join(', ')})`);
      continue;
    }
    const isActive = row.active?.includes(name) ?? true;
    const got = row.values[index];
    const is = !isActive
      ? 'absent'
      : got === Infinity
        ? 'overload'
        : got === -Infinity
          ? '-overload'
          : Number.isNaN(got)
            ? 'missing'
            : got;
    if (!isSame(is, value)) problems.push(`${name}: should be ${value}, is ${is}`);
  }
}

async function checkStatus(bench: TranscriptBench, wanted: Record<string, string>, problems: string[]): Promise<void> {
  compare('lamp', wanted, await bench.run(required(bench.driver, 'status').call(bench.driver, signal)), problems);
}

async function checkSet(bench: TranscriptBench, set: TranscriptCheck['set'], problems: string[]): Promise<void> {
  if (!set) return;
  if (set.unitSays) bench.unit.refuseNext(set.unitSays);
  const sentBefore = bench.unit.requests.length;
  try {
    const got = await bench.run(bench.driver.setControl(set.id, set.value, signal));
    if (set.refused) problems.push(`${set.id} ${set.value} should be refused (${set.refused}); it was taken`);
    else compare('after setting', set.gives ?? { [set.id]: set.value }, got, problems);
  } catch (error) {
    const { code, message } = LabError.from(error);
    if (code !== set.refused) problems.push(`${set.id} ${set.value}: ${code}: ${message}`);
    if (code === 'call.invalid' && bench.unit.requests.length > sentBefore) {
      problems.push(
        `${set.id} ${set.value} was refused, but ${bench.unit.requests.slice(sentBefore).join(', ')} was sent`,
      );
    }
  }
}

function checkLimits(driver: Driver, wanted: NonNullable<TranscriptCheck['limits']>, problems: string[]): void {
  for (const [id, { min, max }] of Object.entries(wanted)) {
    const control = driver.shape.controls.find((one) => one.id === id);
    if (!control) problems.push(`there is no control ${id}`);
    else {
      if (min !== undefined && !isSame(control.min, min))
        problems.push(`${id}: least should be ${min}, is ${control.min}`);
      if (max !== undefined && !isSame(control.max, max))
        problems.push(`${id}: most should be ${max}, is ${control.max}`);
    }
  }
}

async function checkCapture(
  bench: TranscriptBench,
  wanted: TranscriptCheck['capture'],
  problems: string[],
): Promise<void> {
  if (!wanted) return;
  const wave = await bench.run(required(bench.driver, 'capture').call(bench.driver, wanted.channels, signal));
  const names = wave.columns.map(({ channel }) => channel);
  if (names.join() !== wanted.channels.join())
    problems.push(`captured ${names.join()} instead of ${wanted.channels.join()}`);
  if (!isSame(wave.dtS, wanted.dtS)) problems.push(`step should be ${wanted.dtS} s, is ${wave.dtS}`);
  if (!isSame(wave.xOriginS, wanted.xOriginS))
    problems.push(`first sample should be at ${wanted.xOriginS} s, is at ${wave.xOriginS}`);
  for (const [index, volts] of wanted.volts.entries()) {
    const samples = [...(wave.samples[index] ?? [])];
    if (samples.length !== volts.length || samples.some((one, at) => !isSame(one, volts[at]))) {
      problems.push(`${wanted.channels[index]}: should be ${volts.join(' ')} V, is ${samples.slice(0, 20).join(' ')}`);
    }
  }
}

async function checkScreenshot(bench: TranscriptBench, wanted: string[], problems: string[]): Promise<void> {
  const take = 'screenshot' in bench.driver ? bench.driver.screenshot : undefined;
  if (typeof take !== 'function') {
    problems.push('the driver takes no pictures of the screen');
    return;
  }
  const picture: unknown = await bench.run(Promise.resolve(take.call(bench.driver, signal)));
  const bytes = picture instanceof Uint8Array ? picture : (picture as { bytes?: unknown }).bytes;
  const hex =
    bytes instanceof Uint8Array ? [...bytes].map((one) => one.toString(16).padStart(2, '0')).join('') : String(bytes);
  const right = wanted.map((one) => one.replace(/\s+/g, '').toLowerCase());
  if (!right.includes(hex)) problems.push(`the picture should be ${right.join(' or ')}, is ${hex.slice(0, 80)}`);
}

async function checkOff(
  bench: TranscriptBench,
  confirmable: string[],
  unsure: string[],
  problems: string[],
): Promise<void> {
  const results = await bench.run(bench.driver.outputsOff());
  for (const { group, confirmed, reason = '' } of results) {
    const mustBe = !unsure.includes(group);
    if (mustBe && !confirmed) problems.push(`output '${group}' is not confirmed off: ${reason}`);
    if (!mustBe && confirmed) problems.push(`output '${group}' is confirmed off, but cannot be asked`);
  }
  const groups = [...confirmable, ...unsure];
  const said = results.map(({ group }) => group).toSorted();
  if (said.join() !== groups.toSorted().join())
    problems.push(`outputs off did ${said.join()} instead of ${groups.join()}`);
}

function compare(
  what: string,
  wanted: Record<string, ControlValue>,
  got: Record<string, unknown>,
  problems: string[],
): void {
  for (const [name, value] of Object.entries(wanted)) {
    if (!isSame(got[name], value)) problems.push(`${what}: ${name} should be ${value}, is ${String(got[name])}`);
  }
}

function changes(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  scratch: readonly string[],
): string[] {
  return Object.keys(after)
    .filter(
      (name) => before[name] !== after[name] && !scratch.some((one) => name === one || name.startsWith(`${one}.`)),
    )
    .map((name) => `${name} of the unit changed unasked: ${String(before[name])} → ${String(after[name])}`);
}

function isSame(is: unknown, wanted: unknown): boolean {
  if (typeof is !== 'number' || typeof wanted !== 'number') return is === wanted;
  return Math.abs(is - wanted) <= Math.max(Math.abs(wanted) * RELATIVE, 1e-15);
}

async function attempt(problems: string[], steps: () => Promise<void>): Promise<void> {
  try {
    await steps();
  } catch (error) {
    const { code, message } = LabError.from(error);
    problems.push(`${code}: ${message}`);
  }
}

function required<K extends 'poll' | 'status' | 'capture'>(driver: Driver, name: K): NonNullable<Driver[K]> {
  const method = driver[name];
  if (!method) throw new LabError('driver.unsupported', `the driver has no ${name}`);
  return method;
}
