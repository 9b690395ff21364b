import type { AttachOptions, LineSettings, Termination } from '../../contract/discovery-schema.ts';
import { LabError } from '../../core/errors.ts';
import { looksLikeIdentity } from '../../protocol/idn.ts';
import { decodeLatin1 } from '../../protocol/scpi-line.ts';
import { linkSettings } from '../acquisition/link-settings.ts';
import { timeLimit } from '../time-limit.ts';
import { openTransport } from '../transport/open-transport.ts';
import type { Transport } from '../transport/transport.ts';
import { type Check, fine, type Patient, problem } from './patient.ts';

/** Usual rates of instruments, the likeliest first. */
const BAUD_RATES = [9600, 115_200, 19_200, 57_600, 38_400, 4800, 2400] as const;
/** An instrument that was sent half a message may complain about it. */
const SETTLE_MS = 50;
const MAX_BYTES = 4096;
const encoder = new TextEncoder();
/** CR before CRLF: an instrument that ends its messages by CR alone takes the LF of CRLF for white space. */
const LINE_ENDS: readonly Termination[] = ['lf', 'cr', 'crlf'];

/** What an attempt gave: who answered, nothing, or noise. */
type Attempt = { idn: string } | { heard: 'nothing' | 'noise' } | { error: LabError };

/**
 * A serial line: the instrument answers `*IDN?` under the settings given. Only when trying was asked for, other line ends and rates are tried as well, since each try sends
 * to the device.
 */
export const lineCheck: Check = {
  id: 'answer',
  title: 'Answer to *IDN?',
  async look(patient) {
    if (patient.parsed.kind !== 'serial') return undefined;
    const first = await attempt(patient, { ...(patient.line ? { line: patient.line } : {}) }, patient.limits.answerMs);
    if ('idn' in first) {
      patient.idn = first.idn;
      return fine(`It says who it is: ${first.idn}.`);
    }
    if ('error' in first) return unopened(first.error);
    const said = `It does not answer *IDN? at ${describe(patient.line ?? {}, 'lf')}${first.heard === 'noise' ? ', but something unreadable comes: the baud rate is wrong' : ''}.`;
    if (!patient.tries)
      return problem(
        said,
        'Look at the interface settings of the instrument for baud rate and line end (terminator). Or let the doctor try the usual ones, which sends *IDN? to the device at each.',
      );
    const found = await tryOthers(patient);
    if (!found)
      return problem(
        `${said} Nor does it with LF, CR or CRLF at ${BAUD_RATES.join(', ')} baud.`,
        'Check that it is switched on, the cable (straight or null modem), and that remote control over this interface is on. If it knows no *IDN?, attach it by its family.',
      );
    patient.idn = found.idn;
    patient.works = found.options;
    return problem(
      `${said} It answers at ${describe(found.options.line ?? {}, found.options.writeTermination ?? 'lf')}: ${found.idn}.`,
      'Attach it with these settings.',
      { goesOn: true },
    );
  },
};

async function tryOthers(patient: Patient): Promise<{ idn: string; options: AttachOptions } | undefined> {
  const given = patient.line?.baudRate ?? 9600;
  let before: AttachOptions | undefined;
  for (const baudRate of [given, ...BAUD_RATES.filter((rate) => rate !== given)]) {
    for (const end of LINE_ENDS) {
      patient.signal.throwIfAborted();
      const options: AttachOptions = {
        line: { ...patient.line, baudRate },
        writeTermination: end,
        readTermination: end === 'cr' ? 'cr' : 'lf',
      };
      const result = await attempt(patient, options, patient.limits.tryMs);
      if ('idn' in result) {
        // A slow instrument may answer the try before only now: what is told must answer once more, with all the time it needs.
        const found = (await confirm(patient, options)) ?? (before && (await confirm(patient, before)));
        if (found) return found;
      }
      before = options;
    }
  }
  return undefined;
}

async function confirm(
  patient: Patient,
  options: AttachOptions,
): Promise<{ idn: string; options: AttachOptions } | undefined> {
  const result = await attempt(patient, options, patient.limits.answerMs);
  return 'idn' in result ? { idn: result.idn, options } : undefined;
}

/** Opens the line, ends whatever half a message earlier tries left in the instrument, asks once and listens. Bytes, not a session: nothing is sent to recover. */
async function attempt(patient: Patient, options: AttachOptions, timeoutMs: number): Promise<Attempt> {
  const { resource, signal } = patient;
  const { transport: ways, writeTermination: end = '\n' } = linkSettings(options);
  let transport: Transport;
  try {
    transport = await openTransport(resource, { ...ways, signal });
  } catch (error) {
    signal.throwIfAborted();
    return { error: LabError.from(error) };
  }
  try {
    await transport.write(encoder.encode(end), { signal });
    await hear(transport, SETTLE_MS, signal);
    await transport.write(encoder.encode(`*IDN?${end}`), { signal });
    const heard = await hear(transport, timeoutMs, signal);
    const line = heard.split(/[\r\n]+/).find((text) => looksLikeIdentity(text));
    if (line !== undefined) return { idn: line.trim() };
    return { heard: /[^\t\r\n\x20-\x7e]/.test(heard) ? 'noise' : 'nothing' };
  } catch (error) {
    signal.throwIfAborted();
    return { error: LabError.from(error) };
  } finally {
    await transport[Symbol.asyncDispose]();
  }
}

/** What comes within the time, at most 4 KiB; sooner when a whole line has come. */
async function hear(transport: Transport, ms: number, signal: AbortSignal): Promise<string> {
  using limit = timeLimit(ms, signal);
  const bound = limit.signal;
  let heard = '';
  try {
    while (heard.length < MAX_BYTES && !/[^\r\n][\r\n]/.test(heard))
      heard += decodeLatin1((await transport.read({ signal: bound })).bytes);
  } catch (error) {
    signal.throwIfAborted();
    if (!bound.aborted) throw error;
  }
  return heard;
}

function unopened({ code, message }: LabError): ReturnType<typeof problem> {
  const [, cause = message, fix = ''] = /^(.*?[.]) (.*)$/s.exec(message) ?? [];
  if (code !== 'transport.busy') return problem(cause, fix || 'Look at the system log.');
  return problem(
    'Another program has locked the port, one that cannot be seen from here.',
    'Close terminals and other lab software; as administrator this check sees the programs of other people too.',
  );
}

function describe(
  { baudRate = 9600, dataBits = 8, parity = 'none', stopBits = 1 }: LineSettings,
  end: Termination,
): string {
  return `${baudRate} baud, ${dataBits}${parity[0]?.toUpperCase()}${stopBits}, ${end.toUpperCase()}`;
}
