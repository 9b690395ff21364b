import { looksLikeIdentity } from '../../protocol/idn.ts';
import { type Check, fine, problem, warning } from './patient.ts';
import { talk } from './socket-talk.ts';

/** What a raw socket speaks: SCPI, a web page, a terminal, nothing. */
export const socketCheck: Check = {
  id: 'answer',
  title: 'Answer to *IDN?',
  async look(patient) {
    const { parsed, limits, signal } = patient;
    if (parsed.kind !== 'socket') return undefined;
    const { host, port } = parsed;
    const said = await talk(parsed, '*IDN?\n', limits, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (!said)
      return problem(
        `${host} took the connection on port ${port} a moment ago and does not now.`,
        'Another client may just have taken its only place. Close other programs that use the instrument, then try again.',
      );
    const line = said.answer.split('\n')[0]?.trim() ?? '';
    if (looksLikeIdentity(line) && said.greeting === '') {
      patient.idn = line;
      return fine(`It says who it is: ${line}.`);
    }
    const all = said.greeting + said.answer;
    return recognise(all, host, port) ?? silentOrStrange(said.greeting, line, said.hasEnded, host, port);
  },
};

function recognise(text: string, host: string, port: number): ReturnType<typeof problem> | undefined {
  if (/^HTTP\/\d|<html|<!doctype/i.test(text))
    return problem(
      `A web server answers on port ${port} of ${host}, not an instrument's command port.`,
      'Use the SCPI port: 5025 with most makers, 5555 with Rigol, 4000 with Tektronix. The web page itself often names it.',
      { paste: `TCPIP0::${host}::5025::SOCKET` },
    );
  if (/^SSH-/.test(text))
    return problem(
      `An SSH server answers on port ${port} of ${host}.`,
      'This is the port of a computer, not of an instrument. Check address and port.',
    );
  if (text.startsWith('\xff') || /login:|password:|telnet|\r\n?[\w-]*> ?$/i.test(text))
    return problem(
      `A terminal for people answers on port ${port} of ${host}: it greets, echoes or prompts.`,
      'Use the raw SCPI port of the instrument (5025 with most makers) in place of its telnet port (5024).',
      { paste: `TCPIP0::${host}::5025::SOCKET` },
    );
  return undefined;
}

function silentOrStrange(
  greeting: string,
  line: string,
  hasEnded: boolean,
  host: string,
  port: number,
): ReturnType<typeof problem> {
  if (greeting !== '')
    return warning(
      `Port ${port} of ${host} speaks by itself: “${readable(greeting)}”. A SCPI instrument waits until it is asked.`,
      'If it is a device that sends lines by itself, attach it as a streaming family. Else check the port.',
    );
  if (line !== '')
    return warning(
      `It answers *IDN? with “${readable(line)}”, which is no identity.`,
      'If it is an instrument that does not know *IDN?, attach it by its family. Else check the port.',
    );
  if (hasEnded)
    return problem(
      `It hangs up when it is asked *IDN?.`,
      'It serves one client at a time or only certain addresses: close other programs that use it, and look for an access list in its LAN settings.',
    );
  return problem(
    `${host} takes the connection on port ${port} and then says nothing: its network part is awake, the instrument behind it does not answer *IDN?.`,
    'Wake it or restart it; check that this is its SCPI port, and close other programs that talk to it: some instruments answer one client only. If it knows no *IDN?, attach it by its family.',
  );
}

function readable(text: string): string {
  return text
    .slice(0, 60)
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim();
}
