import { basename } from 'node:path';
import type { UploadState } from '../../contract/upload-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { Arguments, Command, Shell } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { findRecorded } from '../recorded-file.ts';
import type { Screen } from '../screen.ts';
import { openScreen } from '../screen.ts';

/** A recording to a server, part by part, each read back and compared. */
export const upload: Command = {
  name: 'upload',
  usage: 'FILE [--url URL] [--user NAME]',
  summary: 'Sends a recording to a WebDAV server and reads it back. The password comes from LABWIRE_UPLOAD_PASSWORD.',
  options: {
    url: { type: 'string', value: 'URL', about: 'the folder on the server (default: as set in Labwire)' },
    user: { type: 'string', value: 'NAME', about: 'who may write there' },
  },
  positionals: [1, 1],
  async run(args, shell) {
    await using screen = await openScreen(args, shell);
    await chooseTarget(screen, args);
    const row = await findRecorded(screen, args.at(0));
    const ended = followUpload(screen, row.id, shell);
    await screen.client.call('upload.add', { recording: row.id });
    const { target, uploads } = await ended;
    const parts = uploads.filter(({ recording }) => recording === row.id);
    if (args.flag('json'))
      await shell.out.json({
        url: target?.url,
        parts: parts.map(({ path, remote, bytes, sha256 }) => ({ path, remote, bytes, sha256 })),
      });
    else
      for (const { path, remote, sha256 } of parts) {
        const as = remote === '' || remote === basename(path) ? '' : `  as ${remote}`;
        await shell.out.line(`${path}${as}  sha256 ${sha256}`);
      }
    return EXIT.done;
  },
};

async function chooseTarget({ client, isOwn }: Screen, args: Arguments): Promise<void> {
  const url = args.text('url');
  if (!isOwn && url === undefined) return;
  if (!isOwn) {
    throw new LabError(
      'call.invalid',
      'Labwire is running and sends where its settings say. Leave --url away, or give another data folder with --data.',
    );
  }
  const password = process.env.LABWIRE_UPLOAD_PASSWORD;
  await client.call('upload.setTarget', {
    target: { url: args.need('url'), user: args.text('user') ?? '', when: 'manual' },
    ...(password === undefined ? {} : { password }),
  });
}

/** Resolves when every part of the recording is there and verified; rejects with the first failure that trying again does not mend. */
function followUpload({ client }: Screen, recording: string, { signal, say }: Shell): Promise<UploadState> {
  const ended = new Promise<UploadState>((resolve, reject) => {
    let said = '';
    const look = (now: UploadState): void => {
      const parts = now.uploads.filter((part) => part.recording === recording);
      if (parts.length === 0) return;
      const failed = parts.find(({ state }) => state === 'failed');
      if (failed)
        reject(
          failed.error
            ? LabError.fromRecord(failed.error)
            : new LabError('upload.failed', 'The server did not take it.'),
        );
      else if (now.link === 'needs-password')
        reject(new LabError('upload.failed', 'The server wants a password. Give it in LABWIRE_UPLOAD_PASSWORD.'));
      else if (parts.every(({ state }) => state === 'done')) resolve(now);
      const waiting = parts.find(({ error }) => error)?.error?.message ?? '';
      if (waiting !== '' && waiting !== said) say(`${waiting} It is tried again.`);
      said = waiting;
    };
    let state: UploadState | undefined;
    client.on('upload.changed', ({ upload: now }) => {
      state = now;
      look(now);
    });
    client.on('upload.progressed', ({ link, part }) => {
      // The list itself comes when the parts are put into it.
      if (!state) return;
      const { uploads } = state;
      state = { ...state, link, uploads: part ? uploads.map((one) => (one.id === part.id ? part : one)) : uploads };
      look(state);
    });
    void client.closed.then(reject);
    signal.addEventListener('abort', () => reject(new LabError('call.cancelled', 'Cancelled.')), { once: true });
  });
  ended.catch(() => {});
  return ended;
}
