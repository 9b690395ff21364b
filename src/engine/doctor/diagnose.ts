import type { DoctorCheck, DoctorReport, LineSettings } from '../../contract/discovery-schema.ts';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { parseResource } from '../../core/resource.ts';
import type { Resource } from '../../core/resource-shape.ts';
import { behindCheck, boardCheck } from './gpib-check.ts';
import { nameCheck, portCheck } from './lan-checks.ts';
import { lineCheck } from './line-check.ts';
import {
  type Check,
  DOCTOR_LIMITS,
  DOCTOR_SYSTEM,
  type DoctorLimits,
  type DoctorSystem,
  type Finding,
  type Patient,
} from './patient.ts';
import { existsCheck, holderCheck, modemManagerCheck, permissionCheck } from './serial-checks.ts';
import { socketCheck } from './socket-check.ts';
import { usbDriverCheck, usbPermissionCheck, usbPresentCheck } from './usb-checks.ts';
import { identityCheck, portmapperCheck } from './way-checks.ts';

export interface DiagnoseOptions {
  clock: Clock;
  signal?: AbortSignal | undefined;
  /** Other line ends and baud rates are tried, too, which sends to the device. Default false. */
  tries?: boolean | undefined;
  /** Settings of the serial line to begin with. */
  line?: LineSettings | undefined;
  /** The attached instrument at a resource: it is never disturbed. */
  attachedAt?: ((resource: string) => InstrumentState | undefined) | undefined;
  /** Name of an attached instrument on the same wire: that wire is left alone as well. */
  sharedWith?: ((parsed: Resource) => string | undefined) | undefined;
  limits?: Partial<DoctorLimits> | undefined;
  system?: Partial<DoctorSystem> | undefined;
}

/** In this order; each knows whether it applies. Those that open nothing come first. */
const PASSIVE: readonly Check[] = [
  boardCheck,
  nameCheck,
  usbPresentCheck,
  existsCheck,
  permissionCheck,
  usbPermissionCheck,
];
const ACTIVE: readonly Check[] = [
  portCheck,
  holderCheck,
  modemManagerCheck,
  usbDriverCheck,
  portmapperCheck,
  socketCheck,
  lineCheck,
  behindCheck,
];

/**
 * Why a resource does not appear or answer: looks from the outside in, each thing with its cause and what to do. Sends nothing but `*IDN?`, once, unless trying is asked for (a GPIB adapter itself: a serial poll of each address). An
 * attached instrument is not touched: what can be seen without its wire is looked at, and its own state is told.
 * Throws only the signal's reason; everything else is a finding.
 */
export async function diagnose(resource: string, options: DiagnoseOptions): Promise<DoctorReport> {
  const { signal = new AbortController().signal } = options;
  let parsed: Resource;
  try {
    parsed = parseResource(resource);
  } catch (error) {
    return report(resource, [malformed(LabError.from(error))], null);
  }
  const patient: Patient = {
    resource: parsed.canonical,
    parsed,
    clock: options.clock,
    signal,
    tries: options.tries ?? false,
    line: options.line,
    limits: { ...DOCTOR_LIMITS, ...options.limits },
    system: { ...DOCTOR_SYSTEM, ...options.system },
    idn: null,
    works: undefined,
  };
  const checks: DoctorCheck[] = [
    { id: 'string', title: 'Resource string', state: 'ok', cause: `It is read as ${parsed.canonical}.`, fix: '' },
  ];
  const attached = options.attachedAt?.(parsed.canonical);
  if (attached) {
    checks.push(...(await examine(patient, PASSIVE)), stateOf(attached));
    const { maker, model, serial, firmware } = attached.identity;
    return report(parsed.canonical, checks, [maker, model, serial, firmware].join(','));
  }
  const neighbour = options.sharedWith?.(parsed);
  if (neighbour !== undefined) {
    checks.push(...(await examine(patient, PASSIVE)), sharedWire(neighbour));
    return report(parsed.canonical, checks, null);
  }
  const hasOwnQuestion = parsed.kind === 'socket' || parsed.kind === 'serial';
  checks.push(...(await examine(patient, [...PASSIVE, ...ACTIVE, ...(hasOwnQuestion ? [] : [identityCheck])])));
  const found = report(parsed.canonical, checks, patient.idn);
  return patient.works ? { ...found, works: patient.works } : found;
}

async function examine(patient: Patient, checks: readonly Check[]): Promise<DoctorCheck[]> {
  const done: DoctorCheck[] = [];
  let ended: Finding | undefined;
  for (const check of checks) {
    patient.signal.throwIfAborted();
    if (ended) break;
    const found = await inTime(check, patient);
    if (!found) continue;
    const { ends, ...rest } = found;
    done.push({ id: check.id, title: check.title, ...rest });
    if (ends) ended = { id: check.id, title: check.title, ...found };
  }
  if (ended && ended.id !== 'answer' && !done.some(({ id }) => id === 'answer'))
    done.push({
      id: 'answer',
      title: 'Answer to *IDN?',
      state: 'skipped',
      cause: `Not asked: see “${ended.title}”.`,
      fix: '',
    });
  return done;
}

/** What the check finds, or that it took too long. */
async function inTime(check: Check, patient: Patient): ReturnType<Check['look']> {
  let timer: Disposable | undefined;
  const tooLong = new Promise<Finding>((resolve) => {
    timer = patient.clock.after(patient.limits.checkMs, () => {
      const cause = `This took longer than ${patient.limits.checkMs / 1000} s and was given up: the system or the device hangs.`;
      resolve({
        id: check.id,
        title: check.title,
        state: 'warning',
        cause,
        fix: 'Unplug the device and plug it in again, then try again.',
      });
    });
  });
  try {
    return await Promise.race([check.look(patient), tooLong]);
  } finally {
    timer?.[Symbol.dispose]();
  }
}

function stateOf({ label, state, lastError, stranger }: InstrumentState): DoctorCheck {
  const shared = { id: 'attached', title: 'Attached' };
  if (state === 'live')
    return {
      ...shared,
      state: 'ok',
      cause: `It is attached as ${label} and gives data. Its wire was left alone.`,
      fix: '',
    };
  const why = lastError ? ` Last: ${lastError.message}` : '';
  if (stranger)
    return {
      ...shared,
      state: 'problem',
      cause: `It is attached as ${label}, but ${stranger.idn} answers in its place.`,
      fix: `Plug ${label} in again, or take the other one in its place (its card offers it).`,
    };
  return {
    ...shared,
    state: 'problem',
    cause: `It is attached as ${label} and is ${state}.${why}`,
    fix:
      state === 'silent'
        ? 'Look at the instrument; Labwire goes on asking.'
        : 'Labwire tries again by itself. Detach it to have its wire examined.',
  };
}

function sharedWire(label: string): DoctorCheck {
  return {
    id: 'attached',
    title: 'Attached',
    state: 'warning',
    cause: `${label} is attached over the same connection, which was left alone: many take one client, and a second one would cut it off.`,
    fix: `Detach ${label} to have this way examined, or just attach this one as well.`,
  };
}

function malformed({ message }: LabError): DoctorCheck {
  const [, cause = message, fix = ''] = /^(.*?)\. Nothing was opened\. (.*)$/s.exec(message) ?? [];
  return { id: 'string', title: 'Resource string', state: 'problem', cause: `${cause}.`.replace('..', '.'), fix };
}

function report(resource: string, checks: DoctorCheck[], idn: string | null): DoctorReport {
  const first = checks.find(({ state }) => state === 'problem');
  const doubt = checks.find(({ state }) => state === 'warning');
  const isHealthy = !first && idn !== null;
  const verdict =
    first?.cause ??
    (idn === null
      ? (doubt?.cause ?? 'Nothing wrong was found, and it was not asked who it is.')
      : `It answers: ${idn}.`);
  return { resource, checks, verdict, isHealthy, idn };
}
