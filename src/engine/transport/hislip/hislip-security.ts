import net from 'node:net';
import tls from 'node:tls';
import { LabError } from '../../../core/errors.ts';
import { AUTHENTICATION, HISLIP, TLS_RESPONSE } from '../../../protocol/hislip.ts';
import { NO_MESSAGE_ID } from '../../../protocol/hislip-message-id.ts';
import { hostOf } from './connect-channel.ts';
import type { HislipChannel } from './hislip-channel.ts';
import type { HislipOptions, HislipTarget, HislipTlsOptions } from './hislip-options.ts';
import { oddAnswer } from './hislip-words.ts';

/** Mechanisms of SASL tried, and in which order. */
const MECHANISMS = ['PLAIN', 'ANONYMOUS'] as const;

/**
 * Both channels go over to TLS, then the client says who it is (IVI-6.1 6.15; messages of SASL: 2.4):
 *
 *     AsyncStartTLS ─▶ AsyncStartTLSResponse ─▶ TLS on the asynchronous channel ─▶ StartTLS ─▶ TLS on the synchronous one
 *       ─▶ GetSaslMechanismList ─▶ AuthenticationStart, AuthenticationExchange ─▶ AuthenticationResult
 *
 * Throws `transport.denied` where the certificate, the credentials or the mechanisms do not do; nothing but the handshake was sent.
 */
export async function secureHislip(
  target: HislipTarget,
  sync: HislipChannel,
  async: HislipChannel,
  options: HislipOptions,
): Promise<void> {
  const { signal } = options;
  const own = options.tls ?? {};
  // Payload: the last MessageID received; the parameter: the last sent. Both: none.
  const last = Uint8Array.of(0xff, 0xff, 0xfe, 0xfe);
  const request = { parameter: NO_MESSAGE_ID, payload: last };
  const { header } = await async.ask(HISLIP.asyncStartTls, HISLIP.asyncStartTlsResponse, request, signal);
  if (header.control !== TLS_RESPONSE.success) {
    const why = header.control === TLS_RESPONSE.busy ? 'it says that it is busy' : 'it says that it cannot';
    throw denied(
      target,
      `It demands or offers a secure connection, but did not begin it (${why})`,
      'Try again; else check its security settings.',
    );
  }
  await handshake(target, async, own, signal);
  await sync.send(HISLIP.startTls);
  await handshake(target, sync, own, signal);
  await authenticate(target, sync, own, signal);
}

async function handshake(
  target: HislipTarget,
  channel: HislipChannel,
  own: HislipTlsOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const name = own.serverName ?? hostOf(target);
  const isChecked = own.pinSha256 === undefined && own.rejectUnauthorized !== false;
  try {
    await channel.startTls(
      {
        ...(net.isIP(name) ? {} : { servername: name }),
        ...(own.ca === undefined ? {} : { ca: typeof own.ca === 'string' ? own.ca : [...own.ca] }),
        rejectUnauthorized: isChecked,
        checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
      },
      signal,
    );
  } catch (error) {
    if (error instanceof LabError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw denied(
      target,
      `The secure connection could not be made (${text})`,
      'If the instrument signed its certificate itself, give that certificate (tls.ca) or its fingerprint (tls.pinSha256).',
      error,
    );
  }
  checkPin(target, channel, own);
}

function checkPin(target: HislipTarget, channel: HislipChannel, { pinSha256 }: HislipTlsOptions): void {
  if (pinSha256 === undefined) return;
  const plain = (text: string): string => text.replace(/[^0-9a-f]/gi, '').toLowerCase();
  const shown = channel.peerCertificate?.fingerprint256 ?? '';
  if (plain(shown) === plain(pinSha256)) return;
  throw denied(
    target,
    `Another certificate than the pinned one was shown (SHA-256 ${shown || 'none'})`,
    'If the instrument was given a new certificate on purpose, pin that one; else somebody may be in between.',
  );
}

async function authenticate(
  target: HislipTarget,
  sync: HislipChannel,
  { credentials }: HislipTlsOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const list = await sync.ask(HISLIP.getSaslMechanismList, HISLIP.getSaslMechanismListResponse, {}, signal);
  const offered = Buffer.from(list.payload)
    .toString('latin1')
    .split(/[\s\0]+/)
    .filter((name) => name !== '');
  if (offered.length === 0) return;
  const mechanism = MECHANISMS.find(
    (name) => offered.includes(name) && (name !== 'PLAIN' || credentials !== undefined),
  );
  if (mechanism === undefined) {
    const needs = offered.includes('PLAIN')
      ? 'Give user and password (tls.credentials).'
      : 'Allow PLAIN or ANONYMOUS at the instrument.';
    throw denied(
      target,
      `It wants to know who you are by ${offered.join(' or ')}, and Labwire can do PLAIN (with credentials) and ANONYMOUS`,
      needs,
    );
  }
  // RFC 4616: authorisation identity (none), user, password. RFC 4505: a trace, here none of a person.
  const said = mechanism === 'PLAIN' ? `\0${credentials?.user ?? ''}\0${credentials?.password ?? ''}` : 'Labwire';
  await sync.send(HISLIP.authenticationStart, 0, 0, Buffer.from(mechanism));
  const result = await sync.ask(
    HISLIP.authenticationExchange,
    HISLIP.authenticationResult,
    { payload: Buffer.from(said) },
    signal,
  );
  if ((result.header.control & AUTHENTICATION.success) !== 0) return;
  if ((result.header.control & AUTHENTICATION.failed) === 0)
    throw oddAnswer(target.resource, 'its authentication result says neither yes nor no');
  throw denied(
    target,
    `It refused the ${mechanism === 'PLAIN' ? 'user or password' : 'anonymous login'} (${result.header.parameter})`,
    'Check them at the instrument.',
  );
}

function denied(target: HislipTarget, what: string, advice: string, cause?: unknown): LabError {
  return new LabError(
    'transport.denied',
    `${target.resource}: ${what}. Nothing is open. ${advice}`,
    { resource: target.resource },
    { cause },
  );
}
