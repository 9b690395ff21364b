import { LabError } from '../../core/errors.ts';
import { type FileSum, sizeOfLocal, sumOfLocal } from './local-file.ts';
import type { Webdav, WebdavOptions } from './webdav.ts';

/** Beside the file until it is whole: nobody takes a half for a whole. */
const SENDING_SUFFIX = '.sending';
const MAX_NAMES = 1000;

export interface PlaceOptions extends WebdavOptions {
  /** Of this upload alone: names what is under way, so that two of one file name never meet. */
  token: string;
  /** A name this upload put its file under, which came back otherwise: only that may be written over. */
  own?: string | undefined;
  /** It is being read back: there is one of that name, which may be this very file. */
  onCompare?: (() => void) | undefined;
}

export interface PlacedFile extends FileSum {
  /** On the server. */
  name: string;
  /** It was there, read back and the same: nothing was sent. */
  wasThere: boolean;
}

/**
 * Puts a file there under its name, whole or not at all. Nothing on the server is ever written over: where something else has the name, it becomes `NAME 2`, `NAME 3`, …; where the same
 * has it (an engine that ended before it could read back), that is the file.
 * Sent under a name of its own and moved; without MOVE it is put under its name at once, on condition that there is none. What such a server kept of a file when the link broke is a beginning
 * of it, and is the only thing written over: nothing is lost by it.
 * @throws LabError as `Webdav`; upload.failed, final: no free name
 */
export async function placeFile(dav: Webdav, path: string, name: string, options: PlaceOptions): Promise<PlacedFile> {
  const { own, token } = options;
  const sending = `${name}.${token}${SENDING_SUFFIX}`;
  let local: FileSum | undefined;
  let sent: FileSum | undefined;
  /** The name before the free one, and how long what has it is. */
  let before: { name: string; bytes: number } | undefined;

  /** What has the name: nothing, something else, or this file. */
  const lookAt = async (free: string): Promise<'free' | 'other' | FileSum> => {
    const there = await dav.find(free, options);
    if (!there) return 'free';
    before = { name: free, bytes: there.bytes ?? Number.POSITIVE_INFINITY };
    if (there.bytes !== undefined && there.bytes !== (await sizeOfLocal(path))) return 'other';
    options.onCompare?.();
    local ??= sent ?? (await sumOfLocal(path, options.signal));
    const back = await dav.digest(free, { signal: options.signal, silenceMs: options.silenceMs });
    return back.sha256 === local.sha256 ? back : 'other';
  };
  const isHalf = async ({ name: half, bytes }: { name: string; bytes: number }): Promise<boolean> => {
    if (bytes >= (await sizeOfLocal(path))) return false;
    const back = await dav.digest(half, { signal: options.signal, silenceMs: options.silenceMs });
    return back.sha256 === (await sumOfLocal(path, options.signal, back.bytes)).sha256;
  };
  const putAt = async (free: string): Promise<PlacedFile | undefined> => {
    const over = free === own;
    const whole = sent ?? (await dav.put(path, sending, true, options));
    // With leave to write over there is always one.
    if (!whole) return undefined;
    sent = whole;
    const moved = await dav.move(sending, free, over, options);
    if (moved === 'moved') return { ...whole, name: free, wasThere: false };
    if (moved === 'taken') return undefined;
    await dav.remove(sending, options);
    sent = undefined;
    const half = before && (await isHalf(before)) ? before.name : undefined;
    const put = await dav.put(path, half ?? free, over || half !== undefined, options);
    return put && { ...put, name: half ?? free, wasThere: false };
  };

  await dav.makeFolder(options);
  for (let number = 1; number <= MAX_NAMES; number++) {
    const free = numbered(name, number);
    let found = free === own ? 'free' : await lookAt(free);
    if (found === 'free') {
      const put = await putAt(free);
      if (put) return put;
      // Somebody else was quicker.
      found = await lookAt(free);
    }
    if (typeof found === 'string') continue;
    if (sent) await dav.remove(sending, options);
    return { ...found, name: free, wasThere: true };
  }
  if (sent) await dav.remove(sending, options);
  throw new LabError(
    'upload.failed',
    `The server has ${MAX_NAMES} files like ${name} already. Give another folder there.`,
    { isFinal: true },
  );
}

/** `night 2.mcap`: as a second file is called here. */
function numbered(name: string, number: number): string {
  if (number === 1) return name;
  const [, stem = name, ending = ''] = /^(.+?)(\.[A-Za-z]+(?:\.gz)?)?$/.exec(name) ?? [];
  return `${stem} ${number}${ending}`;
}
