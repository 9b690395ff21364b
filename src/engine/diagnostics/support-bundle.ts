import { mkdir, open } from 'node:fs/promises';
import { arch, homedir, platform, release, userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { strToU8, zip } from 'fflate';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';
import { systemCode } from '../recording/disk.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import { readAnnouncement } from '../state/data-folder.ts';
import { diagnose } from './diagnose.ts';
import { type Private, redactValue } from './redact.ts';

const EXCHANGES = 1000;
const README = `Support bundle of Labwire.

versions.json      program, system
instruments.json   what is attached: identity, resource, family, state
diagnostics/       counters, round trips, errors and health of each instrument
trace/             the newest exchanges of each instrument, as sent and received
events.json        what happened, newest last
settings.json      settings
bench.json         channels, plots, rules, limits
discovery.json     what was found, and by which way

Tokens, passwords and user names in paths were removed. Serial numbers of instruments, their addresses and what was exchanged with
them are in it: look through it before you hand it on.
`;

/** Files of a bundle by name, as text. */
export type BundleFiles = Record<string, string>;

/**
 * Where the bundle goes: the path given, or the exports folder of the data folder. Throws call.invalid for a path that is relative or does not end in `.zip`,
 * and where there is a file that is no zip: a recording is never replaced.
 */
export async function bundlePath(dataFolder: string, path: string | undefined, now: Date): Promise<string> {
  if (path !== undefined && !isAbsolute(path)) {
    throw new LabError('call.invalid', `${path} is no absolute path. Give the whole path of the bundle.`, { path });
  }
  if (path !== undefined && !/\.zip$/i.test(path)) {
    throw new LabError(
      'call.invalid',
      `${path} does not end in .zip, which a support bundle is. Nothing was written.`,
      {
        path,
      },
    );
  }
  if (path !== undefined && !(await isReplaceable(path))) {
    throw new LabError(
      'call.invalid',
      `${path} is there already and is no zip file, so it is not replaced. Nothing was written. Choose another name.`,
      { path },
    );
  }
  const stamp = now.toISOString().slice(0, 19).replaceAll(':', '-');
  return path ?? join(dataFolder, 'exports', `labwire-support ${stamp}.zip`);
}

/** Nothing there, nothing in it, or a zip (its first local header, or the end of one without entries). */
async function isReplaceable(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const start = buffer.toString('latin1', 0, bytesRead);
    return bytesRead === 0 || start === 'PK\x03\x04' || start === 'PK\x05\x06';
  } catch (error) {
    return systemCode(error) === 'ENOENT';
  }
}

/** What helps to find a fault, with everything secret or personal removed. */
export async function collectBundle(parts: EngineParts): Promise<BundleFiles> {
  const { board, instruments, events, dataFolder, version, clock } = parts;
  const known = await privateThings(dataFolder);
  const { settings, channels, plots, rules, alarms, safety, discovery, recording, bench, simulator } = board.state;
  const files: BundleFiles = { 'README.txt': README };
  const put = (name: string, value: unknown): void => {
    files[name] = `${JSON.stringify(redactValue(value, known), null, 1)}\n`;
  };
  put('versions.json', {
    labwire: version,
    node: process.versions.node,
    electron: process.versions.electron ?? null,
    platform: platform(),
    release: release(),
    arch: arch(),
    host: parts.host.host,
    startedNs: parts.startedNs,
    nowNs: clock.nowNs(),
    memoryBytes: process.memoryUsage.rss(),
  });
  put(
    'instruments.json',
    instruments.all.map(({ state }) => state),
  );
  for (const attachment of instruments.all) {
    const name = attachment.id.replace(/[^\w.-]+/g, '_').slice(0, 100);
    put(`diagnostics/${name}.json`, diagnose(attachment));
    put(`trace/${name}.json`, attachment.exchanges(EXCHANGES));
  }
  put('events.json', events.between(0n, clock.nowNs()));
  put('settings.json', settings);
  put('bench.json', { bench, channels, plots, rules, alarms, safety, recording, simulator });
  put('discovery.json', discovery);
  return files;
}

/** Writes the zip, whole or not at all. Throws export.failed. */
export async function writeBundle(path: string, files: BundleFiles): Promise<void> {
  const entries = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)]));
  try {
    const bytes = await new Promise<Uint8Array>((resolve, reject) =>
      zip(entries, (error, data) => (error ? reject(error) : resolve(data))),
    );
    await mkdir(dirname(path), { recursive: true });
    await atomicWrite(path, bytes);
  } catch (error) {
    const code = systemCode(error) || String(error);
    throw new LabError(
      'export.failed',
      `The support bundle cannot be written to ${path} (${code}). Choose another place, or free space on that disk.`,
      { path, code },
      { cause: error },
    );
  }
}

async function privateThings(dataFolder: string): Promise<Private> {
  const announced = await readAnnouncement(dataFolder);
  return { secrets: announced?.token ? [announced.token] : [], homes: [homedir()], users: [userInfo().username] };
}
