import { LabError } from '../../core/errors.ts';
import { looksLikeIdentity } from '../../protocol/idn.ts';
import { knock } from '../discovery/connect-probe.ts';
import { openSession } from '../session/open-session.ts';
import { timeLimit } from '../time-limit.ts';
import { findPort } from '../transport/vxi11/find-port.ts';
import { type Check, fine, type Patient, problem, warning } from './patient.ts';

/** VXI-11 TCP/IP Instrument Protocol, appendix: the core channel. */
const VXI11_CORE = { program: 0x0607af, version: 1 };

/** The portmapper of the host knows a VXI-11 instrument. */
export const portmapperCheck: Check = {
  id: 'portmapper',
  title: 'VXI-11 at the portmapper',
  async look(patient) {
    const { parsed, resource, limits, signal } = patient;
    if (parsed.kind !== 'vxi11' || parsed.corePort !== undefined) return undefined;
    try {
      const port = await findPort(
        { host: parsed.host, resource, ...VXI11_CORE },
        { timeoutMs: limits.answerMs, signal },
      );
      return fine(`The portmapper names port ${port} for the VXI-11 core channel.`);
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = LabError.from(error);
      const raw = await openRaw(patient, parsed.host);
      const hint = raw ? ` Its raw socket answers: use ${raw}.` : '';
      const more = raw ? { paste: raw } : {};
      if (code === 'transport.refused')
        return problem(
          `A portmapper answers on ${parsed.host}, but no VXI-11 instrument is registered there. Port 111 alone may be a file server.`,
          `Switch VXI-11 (often called "LAN" or "LXI") on at the instrument, or use HiSLIP or its raw socket.${hint}`,
          more,
        );
      return problem(
        `Port 111 of ${parsed.host} does not answer as a portmapper (${message})`,
        `Use HiSLIP or the raw socket.${hint}`,
        more,
      );
    }
  },
};

/** A raw SCPI socket that is open on the host. */
async function openRaw(patient: Patient, host: string): Promise<string | undefined> {
  for (const port of [5025, 5555, 4000]) {
    const result = await knock(host, port, Math.min(500, patient.limits.answerMs), patient.signal);
    if (result === 'open') return `TCPIP0::${host}::${port}::SOCKET`;
  }
  return undefined;
}

/** It opens and says who it is, by whatever its way is. The last check of most ways. */
export const identityCheck: Check = {
  id: 'answer',
  title: 'Answer to *IDN?',
  async look(patient) {
    const { resource, clock, signal, limits } = patient;
    if (patient.parsed.kind === 'udp' || patient.parsed.kind === 'modbus')
      return warning(
        'It cannot be asked *IDN?: what speaks here is no SCPI.',
        'Attach it by its family (attach as …), which knows how to ask it.',
      );
    using whole = timeLimit(limits.answerMs * 2, signal);
    const bound = whole.signal;
    let hasOpened = false;
    try {
      const limit = { timeoutMs: limits.answerMs };
      await using session = await openSession({ resource, clock, signal: bound, limits: limit });
      hasOpened = true;
      const reply = await session.query('*IDN?', { timeoutMs: limits.answerMs, signal: bound, priority: 'person' });
      if (!looksLikeIdentity(reply))
        return warning(
          `It answers *IDN? with “${reply.slice(0, 60)}”, which is no identity.`,
          'If it is an instrument of an old dialect, attach it by its family.',
        );
      patient.idn = reply.trim();
      return fine(`It says who it is: ${patient.idn}.`);
    } catch (error) {
      signal.throwIfAborted();
      return hasOpened ? silent(patient) : refused(LabError.from(error));
    }
  },
};

/** The message of a way says what happened and what to do: it is taken apart at its first sentence. */
export function refused({ message, code }: LabError): ReturnType<typeof problem> {
  const [, cause = message, fix = ''] = /^(.*?[.:]) (.*)$/s.exec(message) ?? [];
  const advice = code === 'call.cancelled' ? 'It took too long; try again.' : fix;
  return problem(cause, advice || 'Look at the settings of the instrument.');
}

function silent({ parsed, resource }: Patient): ReturnType<typeof problem> {
  if (parsed.kind === 'prologix' || parsed.kind === 'gpib')
    return problem(
      `The adapter answers, but the instrument at this GPIB address does not.`,
      'Check the GPIB address at the instrument, that it is switched on, and the GPIB cable.',
    );
  return problem(
    `${resource} opens, and then *IDN? is not answered: the way is there, the instrument behind it is asleep or busy.`,
    'Wake or restart the instrument; close other programs that hold it; if it knows no *IDN?, attach it by its family.',
  );
}
