import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { LabError } from '../../core/errors.ts';
import type { TlsFiles } from '../server/ports.ts';

/** A certificate with its key, read and found to fit. */
export interface TlsPair extends TlsFiles {
  /** DNS names of the certificate, lower case, `*.lab.example` among them. */
  readonly names: readonly string[];
  /** From this time of day on clients refuse it, ms since 1970. */
  readonly endsMs: number;
}

/** Reads certificate and key. Throws hub.insecure with what is wrong with which file, so that nothing is opened with them. */
export async function readTls(paths: { cert: string; key: string }): Promise<TlsPair> {
  const cert = await readText('certificate', paths.cert);
  const key = await readText('key', paths.key);
  const certificate = certificateOf(cert, paths.cert);
  if (!certificate.checkPrivateKey(keyOf(key, paths.key)))
    throw refused(`The key ${paths.key} is not the one of the certificate ${paths.cert}. Give the pair.`);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw refused(`Certificate and key cannot be used (${(cause as Error).message}). Make new ones.`, cause);
  }
  return { cert, key, names: dnsNames(certificate), endsMs: Date.parse(certificate.validTo) };
}

/** What a person reads once clients refuse the certificate; undefined: it is good, or there is none. */
export function overdueText(pair: Pick<TlsPair, 'endsMs'> | undefined, nowMs: number): string | undefined {
  if (pair === undefined || nowMs < pair.endsMs) return undefined;
  const day = new Date(pair.endsMs).toISOString().slice(0, 10);
  return `The certificate ran out on ${day}: browsers and programs refuse it. Give a new one.`;
}

async function readText(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = { ENOENT: 'there is no such file', EACCES: 'Labwire may not read it', EISDIR: 'that is a folder' };
    throw refused(
      `The ${what} ${path} cannot be read: ${why[code as keyof typeof why] ?? message}. Mend the path.`,
      cause,
    );
  }
}

function certificateOf(text: string, path: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (cause) {
    throw refused(`${path} holds no certificate in PEM ("-----BEGIN CERTIFICATE-----"). Give another file.`, cause);
  }
}

function keyOf(text: string, path: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    const why = /ENCRYPTED/.test(text)
      ? 'is locked with a passphrase, which the hub cannot ask for. Give it without one'
      : 'holds no private key in PEM ("-----BEGIN PRIVATE KEY-----"). Give another file';
    throw refused(`${path} ${why}.`, cause);
  }
}

function dnsNames({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName.split(', ').flatMap((entry) => /^DNS:([\w*.-]+)$/.exec(entry)?.[1]?.toLowerCase() ?? []);
}

function refused(text: string, cause?: unknown): LabError {
  return new LabError('hub.insecure', `${text} Nothing is shared.`, {}, { cause });
}
