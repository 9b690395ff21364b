import type { LabEvent } from '../../contract/recording-schema.ts';
import { openRecording } from '../../engine/recording/recording.ts';
import type { RecordingSummary } from '../../engine/recording/recording-info.ts';
import type { Command, Shell } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { isoTimestamp } from '../timestamp.ts';

/** What a recording holds and what it lacks, from the file alone. */
export const info: Command = {
  name: 'info',
  usage: 'FILE',
  summary: 'Says what a recording holds and what is missing.',
  options: {},
  positionals: [1, 1],
  async run(args, { out }) {
    await using recording = await openRecording(args.at(0));
    if (args.flag('json')) await out.json(jsonOf(recording.info));
    else await printText(recording.info, out);
    return EXIT.done;
  },
};

function jsonOf(summary: RecordingSummary): object {
  const { complete, durationSeconds, lost } = summary;
  return {
    complete,
    durationSeconds,
    instruments: summary.instruments.map(({ id, idn, resource }) => ({ id, idn, resource })),
    channels: summary.channels.map(({ id, unit, samples, rateHz }) => ({ name: id, unit, samples, rateHz })),
    lost,
    gaps: summary.gaps.map(({ stream, fromNs, toNs, lost: rows, reason }) => ({
      stream,
      from: isoTimestamp(fromNs),
      to: isoTimestamp(toNs),
      lost: rows,
      reason,
    })),
    events: summary.events.map(eventOf),
  };
}

function eventOf({ t, kind, text, severity, instrument, channel }: LabEvent): object {
  return { t: isoTimestamp(BigInt(t)), kind, text, severity, instrument, channel };
}

async function printText(summary: RecordingSummary, out: Shell['out']): Promise<void> {
  await out.line(`${summary.name}  ${summary.complete ? 'complete' : 'not complete'}`);
  await out.line(`${isoTimestamp(summary.fromNs)} to ${isoTimestamp(summary.toNs)}  ${summary.durationSeconds} s`);
  if (summary.missing !== '') await out.line(`missing: ${summary.missing}`);
  for (const { id, idn, resource } of summary.instruments) await out.line(`instrument  ${id}  ${idn}  ${resource}`);
  await out.table(
    summary.channels.map(({ id, unit, samples, rateHz }) => [
      'channel',
      id,
      unit,
      `${samples} samples`,
      `${Number(rateHz.toPrecision(6))} Hz`,
    ]),
  );
  await out.line(`lost  ${summary.lost}`);
  for (const { stream, fromNs, toNs, lost, reason } of summary.gaps) {
    await out.line(`gap  ${stream}  ${isoTimestamp(fromNs)} to ${isoTimestamp(toNs)}  ${lost} lost  ${reason}`);
  }
  for (const { t, kind, text } of summary.events) await out.line(`event  ${isoTimestamp(BigInt(t))}  ${kind}  ${text}`);
}
