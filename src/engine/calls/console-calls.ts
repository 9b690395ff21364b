import type { Handlers } from '../../contract/serve.ts';
import { diagnose } from '../diagnostics/diagnose.ts';
import { sendLines } from '../diagnostics/send-file.ts';
import { bundlePath, collectBundle, writeBundle } from '../diagnostics/support-bundle.ts';
import type { EngineParts } from '../engine-parts.ts';

type ConsoleCall =
  | 'instrument.act'
  | 'instrument.screenshot'
  | 'instrument.setQueries'
  | 'instrument.help'
  | 'instrument.diagnostics'
  | 'instrument.sendFile'
  | 'support.bundle';

/** Calls of console and diagnostics: what there is beside controls, and what is wrong with an instrument. */
export function createConsoleCalls(parts: EngineParts): Pick<Handlers, ConsoleCall> {
  const { instruments, jobs, keeper, clock, locks } = parts;
  return {
    'instrument.act': async ({ instrument, action }, by) => ({
      value: await instruments.find(instrument).act(action, by),
    }),
    'instrument.screenshot': async ({ instrument }, { signal }) => {
      const { type, bytes } = await instruments.find(instrument).screenshot(signal);
      return { type, base64: Buffer.from(bytes).toString('base64') };
    },
    'instrument.setQueries': ({ instrument, queries }) => {
      instruments.find(instrument).setQueries(queries);
      keeper.touch();
      return {};
    },
    'instrument.help': ({ instrument }) => ({ commands: instruments.find(instrument).help }),
    'instrument.diagnostics': ({ instrument }) => diagnose(instruments.find(instrument)),
    'instrument.sendFile': ({ instrument, name, text, pauseMs }, { caller }) => {
      const attachment = instruments.find(instrument);
      const mayGoOn = (): void => locks.check(instrument, caller);
      return jobs.start({
        kind: 'send-file',
        label: `${name} to ${attachment.label}`,
        path: null,
        run: (context) => sendLines({ attachment, clock, text, pauseMs, mayGoOn, ...context }),
      });
    },
    'support.bundle': async ({ path }) => {
      const place = await bundlePath(parts.dataFolder, path, new Date(Number(clock.nowNs() / 1_000_000n)));
      return jobs.start({
        kind: 'support-bundle',
        label: 'Support bundle',
        path: place,
        run: async ({ progress }) => {
          const files = await collectBundle(parts);
          progress(0.5);
          await writeBundle(place, files);
        },
      });
    },
  };
}
