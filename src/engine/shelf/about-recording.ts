import type { RecordingAbout } from '../recording/recording-about.ts';
import type { RecordingSummary } from '../recording/recording-info.ts';

/** What a recording says about itself, for another one made of it. */
export function aboutRecording(info: RecordingSummary): RecordingAbout {
  const { appVersion, clock, notes, operator, bench, instruments, channels } = info;
  return {
    appVersion,
    clock,
    notes,
    operator,
    bench,
    instruments,
    channels: channels.map(({ id, label, shownUnit, scale, rateAskedHz, rateGotHz, range }) => {
      return { id, label, shownUnit, scale, rateAskedHz, rateGotHz, range };
    }),
  };
}
