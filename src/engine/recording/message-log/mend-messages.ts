import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { constants, createGunzip, createGzip } from 'node:zlib';
import { type Disk, type DiskFile, diskError } from '../disk.ts';
import { createMessageFile, isoTime, type MessageFormat } from './message-format.ts';
import { wholeMessages } from './whole-messages.ts';

const READ_BYTES = 1 << 18;
/** Stands at the end of a file that was mended. */
export const CUT_TEXT = 'The session was cut off here: what came later was not written.';
/** Of a packed one, in its head too (RFC 1952, FCOMMENT), which is read without unpacking it. */
export const CUT_COMMENT = 'cut off, mended';

/**
 * Gives a file of a session its end after a crash: what is not a whole message is cut off, an event says so, and the format gets its end. A packed one is written anew beside itself, as one
 * whole member, and takes its place. Gives whether there was something to do.
 * @throws LabError recording.denied, recording.disk-full, recording.failed: it is as it was
 */
export async function mendMessages(disk: Disk, path: string, format: MessageFormat): Promise<boolean> {
  try {
    const changedMs = (await disk.stat(path))?.modifiedMs ?? 0;
    const event = {
      type: 'event',
      event_type: 'interrupted',
      severity: 'warning',
      text: CUT_TEXT,
      timestamp: isoTime(BigInt(Math.round(changedMs)) * 1_000_000n),
    };
    return path.endsWith('.gz')
      ? await mendPacked(disk, path, format, event)
      : await mendPlain(disk, path, format, event);
  } catch (error) {
    throw diskError(error, path);
  }
}

async function mendPlain(
  disk: Disk,
  path: string,
  format: MessageFormat,
  event: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const file = await disk.open(path, 'update');
  try {
    const whole = wholeMessages(format);
    let end = 0;
    for await (const bytes of bytesOf(file)) end += whole.push(bytes).length;
    if (whole.isEnded) return false;
    end += whole.end().length;
    await file.truncate(end);
    await writeAll(file, endOf(format, end === 0, whole.messages, event), end);
    await file.sync();
    return true;
  } finally {
    await file.close();
  }
}

async function mendPacked(
  disk: Disk,
  path: string,
  format: MessageFormat,
  event: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const beside = `${path}.mending`;
  await disk.remove(beside);
  const from = await disk.open(path, 'read');
  try {
    const to = await disk.open(beside, 'create');
    let isWhole = false;
    try {
      const whole = wholeMessages(format);
      let bytes = 0;
      async function* mended(): AsyncGenerator<Uint8Array> {
        let end = 0;
        for await (const piece of unpacked(from)) {
          bytes += piece.length;
          const some = whole.push(piece);
          end += some.length;
          if (some.length > 0) yield some;
        }
        isWhole = whole.isEnded || (await hasTrailer(from, bytes));
        const rest = whole.end();
        if (rest.length > 0) yield rest;
        yield endOf(format, end + rest.length === 0, whole.messages, event);
      }
      let at = 0;
      for await (const packed of Readable.from(mended()).pipe(createGzip({ level: 6 }))) {
        const piece = at === 0 ? commented(packed as Uint8Array) : (packed as Uint8Array);
        await writeAll(to, piece, at);
        at += piece.length;
      }
      await to.sync();
    } finally {
      await to.close();
    }
    if (isWhole) {
      await disk.remove(beside);
      return false;
    }
  } catch (error) {
    await disk.remove(beside).catch(() => undefined);
    throw error;
  } finally {
    await from.close();
  }
  await disk.rename(beside, path);
  await disk.syncFolder(dirname(path));
  return true;
}

/** The event and the end of the format, as they follow so many messages. */
function endOf(
  format: MessageFormat,
  isEmpty: boolean,
  messages: number,
  event: Readonly<Record<string, unknown>>,
): Uint8Array {
  const file = createMessageFile(format);
  const head = file.head();
  // So that the separator is right.
  if (messages > 0) file.message({}, undefined);
  const pieces = [...(isEmpty ? [head] : []), file.message(event, undefined), file.tail()];
  return Buffer.concat(pieces);
}

async function* bytesOf(file: DiskFile): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const bytes = new Uint8Array(READ_BYTES);
    const count = await file.read(bytes, at);
    if (count === 0) return;
    yield bytes.subarray(0, count);
    at += count;
  }
}

/** What can be unpacked of it. */
async function* unpacked(file: DiskFile): AsyncGenerator<Uint8Array> {
  // What is missing at the end is no error; what is damaged ends it.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  const source = Readable.from(bytesOf(file));
  source.on('error', (error) => gunzip.destroy(error));
  try {
    for await (const piece of source.pipe(gunzip)) yield piece as Uint8Array;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))) throw error;
  } finally {
    source.destroy();
  }
}

/** Whether the file ends as a member of so many bytes does (RFC 1952, ISIZE). */
async function hasTrailer(file: DiskFile, bytes: number): Promise<boolean> {
  const size = await file.size();
  if (size < 18) return false;
  const last = new Uint8Array(4);
  await file.read(last, size - 4);
  return new DataView(last.buffer).getUint32(0, true) === bytes % 2 ** 32;
}

/** The head of a member, with a comment. */
function commented(packed: Uint8Array): Uint8Array {
  const head = Buffer.from(packed.subarray(0, 10));
  head[3] = (head[3] ?? 0) | 0x10;
  return Buffer.concat([head, Buffer.from(`${CUT_COMMENT}\0`, 'latin1'), packed.subarray(10)]);
}

async function writeAll(file: DiskFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const written = await file.write([bytes.subarray(at)], position + at);
    if (written <= 0) throw new Error('the system wrote nothing');
    at += written;
  }
}
