import type { ShareState } from '../contract/share-schema.ts';
import { LabError } from '../core/errors.ts';
import { timeLimit } from '../engine/time-limit.ts';
import type { Arguments, Shell } from './command.ts';
import { findRunningEngine } from './running-engine.ts';

const OPEN_LIMIT_MS = 20_000;

/**
 * Switches sharing on for the engine that runs on the folder, and prints where clients find the bench. Throws share.failed with the reason when it
 * cannot be shared, engine.gone.
 */
export async function shareBench(dataFolder: string, args: Arguments, shell: Shell): Promise<void> {
  const running = await findRunningEngine(dataFolder, 'command line', shell.signal);
  if (!running) throw new LabError('engine.gone', 'No engine answers, so nothing is shared.');
  using client = running.client;
  using limit = timeLimit(OPEN_LIMIT_MS, shell.signal);
  const opened = new Promise<ShareState>((resolve, reject) => {
    client.on('share.changed', ({ share }) => {
      if (share.state === 'on' || share.state === 'failed') resolve(share);
    });
    limit.signal.addEventListener('abort', () =>
      reject(new LabError('share.failed', 'The hub does not say that it is open. See hub/hub.log in the data folder.')),
    );
  });
  opened.catch(() => {});
  const bench = await client.call('bench.read', {});
  const wanted = {
    ...bench.settings.share,
    on: true,
    port: args.whole('share-port', 1, 65_535) ?? bench.settings.share.port,
    host: args.text('share-host') ?? bench.settings.share.host,
    origins:
      args
        .text('share-origins')
        ?.split(',')
        .map((origin) => origin.trim())
        .filter((origin) => origin !== '') ?? bench.settings.share.origins,
    anonymousReadings: yesOrNo(args.text('share-readings')) ?? bench.settings.share.anonymousReadings,
  };
  const isAsItIs = JSON.stringify(wanted) === JSON.stringify(bench.settings.share) && bench.share.state === 'on';
  if (!isAsItIs) await client.call('settings.set', { share: wanted });
  const share = isAsItIs ? bench.share : await opened;
  if (share.state === 'failed') throw new LabError('share.failed', share.reason ?? 'The bench cannot be shared.');
  if (args.flag('json')) await shell.out.json({ shared: share.urls });
  else for (const url of share.urls) await shell.out.line(`Shared: ${url}`);
  if (share.users === 0) shell.say('Nobody has a login yet: `labwire user add NAME --role viewer` makes one.');
}

function yesOrNo(text: string | undefined): boolean | undefined {
  if (text === undefined || /^(yes|no)$/i.test(text)) return text === undefined ? undefined : /^yes$/i.test(text);
  throw new LabError('call.invalid', `--share-readings is yes or no, not ${text.slice(0, 40)}. Nothing was changed.`);
}
