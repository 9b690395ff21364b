import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { PreflightCheck } from '../../contract/recording-schema.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { HostServices } from '../host-services.ts';
import { systemDisk } from '../recording/disk.ts';
import { checkFolders } from './folder-check.ts';

export interface PreflightParts {
  state: BenchState;
  host: HostServices;
  hours: number;
  /** Engine time and wall clock, ms since 1970. */
  engineMs: number;
  wallMs: number;
  /** Bytes free in the folder; undefined: not known. Default: asked of the system. */
  freeBytes?: (folder: string) => Promise<number | undefined>;
  /** Where Linux tells of power supplies. */
  powerFolder?: string;
}

/** Beside the values: times, heads of messages and batches, digests. */
const OVERHEAD = 1.1;
/** A batch a message: what each costs beside its values. */
const BATCH_BYTES = 130;
/** Slow streams close a batch with each row. */
const BATCHES_HZ = 60;

/**
 * The list to go through before a night: what a person would look at one by one, each with what was found and what to do. It changes nothing but for a file it
 * writes into each folder and removes.
 */
export async function preflight(parts: PreflightParts): Promise<PreflightCheck[]> {
  const { state } = parts;
  const [space, folder, power] = await Promise.all([checkSpace(parts), checkFolders(state), checkPower(parts)]);
  return [
    checkAttached(state),
    checkDelivering(state),
    space,
    folder,
    checkSleep(parts.host),
    power,
    checkClock(parts),
    checkAlarms(state),
    checkSafety(state),
    checkFlight(state),
    ...(state.upload.target ? [checkUpload(state)] : []),
  ];
}

/** Bytes a second that recording takes now: streams at the rates they deliver. */
export function recordingBytesPerS(state: BenchState): number {
  const rates = new Map(state.channels.map((channel) => [`${channel.instrument}/${channel.name}`, channel]));
  return state.streams.reduce((sum, stream) => sum + streamBytesPerS(stream, rates), 0);
}

function streamBytesPerS(stream: StreamInfo, channels: ReadonlyMap<string, BenchState['channels'][number]>): number {
  if (stream.kind === 'segment') return 0;
  const recorded = stream.columns.filter(({ channel }) => {
    const known = channels.get(`${stream.instrument}/${channel}`);
    return channel.startsWith('~') || (known?.recorded ?? true);
  });
  const rates = stream.columns.flatMap(
    ({ channel }) => channels.get(`${stream.instrument}/${channel}`)?.rateGotHz ?? [],
  );
  const intervals = stream.columns.flatMap(
    ({ channel }) => channels.get(`${stream.instrument}/${channel}`)?.logIntervalS ?? [],
  );
  const gotHz = Math.max(0, ...rates);
  const rowHz =
    intervals.length > 0 && intervals.length === rates.length ? Math.min(gotHz, 1 / Math.min(...intervals)) : gotHz;
  const valueBytes = stream.kind === 'timed' ? 8 : 4;
  const rowBytes = recorded.length * valueBytes + (stream.kind === 'timed' ? 8 : 0);
  return (rowHz * rowBytes + Math.min(rowHz, BATCHES_HZ) * BATCH_BYTES) * OVERHEAD;
}

function checkAttached({ instruments }: BenchState): PreflightCheck {
  const away = instruments.filter(({ state }) => state !== 'live');
  if (instruments.length === 0) {
    return { id: 'attached', verdict: 'bad', text: 'Nothing is attached.', fix: 'Attach what is to be recorded.' };
  }
  if (away.length === 0) {
    return {
      id: 'attached',
      verdict: 'good',
      text: `${count(instruments.length, 'instrument')} attached and live.`,
      fix: '',
    };
  }
  const names = away.map(({ label, state }) => `${label} (${state})`).join(', ');
  return {
    id: 'attached',
    verdict: 'bad',
    text: `Not live: ${names}.`,
    fix: 'Open its card and see why it does not answer, or detach it.',
  };
}

function checkDelivering({ channels, instruments }: BenchState): PreflightCheck {
  // A waveform comes when it is taken.
  const waveforms = new Set(instruments.flatMap(({ id, waveforms: names }) => names.map((name) => `${id}/${name}`)));
  const recorded = channels.filter((channel) => channel.recorded && !waveforms.has(channel.id));
  const silent = recorded.filter(({ rateGotHz }) => rateGotHz <= 0);
  const slow = recorded.filter(({ rateGotHz, rateAskedHz }) => rateGotHz > 0 && rateGotHz < 0.5 * rateAskedHz);
  if (recorded.length === 0) {
    return {
      id: 'delivering',
      verdict: 'bad',
      text: 'No channel is recorded.',
      fix: 'Switch on recording of the channels that matter.',
    };
  }
  if (silent.length > 0) {
    const text = `Delivering nothing: ${list(silent.map(({ label }) => label))}.`;
    return {
      id: 'delivering',
      verdict: 'bad',
      text,
      fix: 'Check its cable and settings, or leave it out of the recording.',
    };
  }
  if (slow.length > 0) {
    const text = `Slower than asked: ${list(slow.map(({ label, rateGotHz, rateAskedHz }) => `${label} (${rate(rateGotHz)} of ${rate(rateAskedHz)})`))}.`;
    return { id: 'delivering', verdict: 'warning', text, fix: 'Ask for a lower rate, or a shorter integration time.' };
  }
  return { id: 'delivering', verdict: 'good', text: `All ${recorded.length} recorded channels deliver.`, fix: '' };
}

async function checkSpace({ state, hours, freeBytes }: PreflightParts): Promise<PreflightCheck> {
  const { recordingsFolder, diskReserveBytes } = state.settings;
  const ask = freeBytes ?? ((folder: string) => systemDisk.freeBytes(folder).catch(() => undefined));
  const free = (await ask(recordingsFolder)) ?? (await ask(join(recordingsFolder, '..')));
  if (free === undefined) {
    return {
      id: 'space',
      verdict: 'unknown',
      text: 'How much is free cannot be told here.',
      fix: 'Look at the drive yourself.',
    };
  }
  const bytesPerS = recordingBytesPerS(state);
  const usable = Math.max(0, free - diskReserveBytes);
  const lasts = bytesPerS > 0 ? usable / bytesPerS / 3600 : Number.POSITIVE_INFINITY;
  const text =
    bytesPerS > 0
      ? `${gigabytes(usable)} free last ${lasts > 10_000 ? 'more than a year' : `${oneDigit(lasts)} h`} at ${oneDigit(bytesPerS / 1e6)} MB/s; ${oneDigit(hours)} h are wanted.`
      : `${gigabytes(usable)} free; nothing is delivered, so how long they last is not known.`;
  if (bytesPerS === 0) return { id: 'space', verdict: 'unknown', text, fix: 'Look again when channels deliver.' };
  if (lasts < hours) {
    return {
      id: 'space',
      verdict: 'bad',
      text,
      fix: 'Free space, choose a larger drive, record fewer channels or less often.',
    };
  }
  if (lasts < hours * 1.5) return { id: 'space', verdict: 'warning', text, fix: 'It is tight: free some space.' };
  return { id: 'space', verdict: 'good', text, fix: '' };
}

function checkSleep({ unavailable }: HostServices): PreflightCheck {
  if (unavailable.blockSleep === undefined) {
    return { id: 'sleep', verdict: 'good', text: 'The system is kept awake while recording.', fix: '' };
  }
  const text = `The system cannot be kept awake from here: ${unavailable.blockSleep}.`;
  return { id: 'sleep', verdict: 'warning', text, fix: 'Switch sleep off in the settings of the system for tonight.' };
}

function checkClock({ engineMs, wallMs }: PreflightParts): PreflightCheck {
  const offsetS = (wallMs - engineMs) / 1000;
  if (Math.abs(offsetS) < 1) {
    return {
      id: 'clock',
      verdict: 'good',
      text: `Times agree with the clock of the system within ${Math.max(1, Math.round(Math.abs(offsetS) * 1000))} ms.`,
      fix: '',
    };
  }
  const text = `The clock of the system was set since Labwire was started: it is ${oneDigit(offsetS)} s ahead of the times being recorded.`;
  return { id: 'clock', verdict: 'warning', text, fix: 'Restart Labwire to take over the new time.' };
}

function checkAlarms({ rules, alarms }: BenchState): PreflightCheck {
  const enabled = rules.filter((rule) => rule.enabled);
  const active = alarms.filter(({ state }) => state === 'active' || state === 'latched');
  const shelved = alarms.filter(({ shelvedUntilNs }) => shelvedUntilNs !== null);
  if (enabled.length === 0) {
    return {
      id: 'alarms',
      verdict: 'warning',
      text: 'No alarm is armed: nobody is told if something goes wrong.',
      fix: 'Add a rule, such as “no data for 60 s” with a notification.',
    };
  }
  const armed = `${count(enabled.length, 'alarm')} armed`;
  if (active.length > 0)
    return {
      id: 'alarms',
      verdict: 'warning',
      text: `${armed}, ${active.length} raised now.`,
      fix: 'See to it, or acknowledge it.',
    };
  if (shelved.length > 0)
    return {
      id: 'alarms',
      verdict: 'warning',
      text: `${armed}, ${shelved.length} shelved.`,
      fix: 'Take it from the shelf before you leave.',
    };
  return { id: 'alarms', verdict: 'good', text: `${armed}, none raised.`, fix: '' };
}

function checkSafety({ safety, outputsOff }: BenchState): PreflightCheck {
  const unconfirmed = outputsOff?.results.filter(({ confirmed }) => !confirmed) ?? [];
  if (unconfirmed.length > 0) {
    const text = `Outputs off did not confirm on ${list(unconfirmed.map(({ instrument, group }) => `${instrument} ${group}`))}.`;
    return { id: 'safety', verdict: 'bad', text, fix: 'Look at these outputs with your own eyes before you leave.' };
  }
  if (safety.devices.length === 0) {
    return {
      id: 'safety',
      verdict: 'warning',
      text: 'No limits are set for what stands on the bench.',
      fix: 'Set the highest voltage and current it may get.',
    };
  }
  return {
    id: 'safety',
    verdict: 'good',
    text: `Limits are set for ${count(safety.devices.length, 'device')}.`,
    fix: '',
  };
}

function checkFlight({ flight }: BenchState): PreflightCheck {
  if (flight.state === 'recording')
    return {
      id: 'flight',
      verdict: 'good',
      text: `The flight recorder runs (${gigabytes(flight.limitBytes)}).`,
      fix: '',
    };
  const text =
    flight.state === 'off' ? 'The flight recorder is off.' : `The flight recorder is paused: ${flight.reason}`;
  return { id: 'flight', verdict: 'warning', text, fix: 'Switch it on in Settings: it keeps what nobody recorded.' };
}

function checkUpload({ upload }: BenchState): PreflightCheck {
  const waiting = upload.uploads.filter(({ state }) => state !== 'done').length;
  const queue = waiting > 0 ? ` ${count(waiting, 'part')} waiting.` : '';
  if (upload.link === 'reachable')
    return { id: 'upload', verdict: 'good', text: `The server for recordings can be reached.${queue}`, fix: '' };
  if (upload.link === 'needs-password') {
    return {
      id: 'upload',
      verdict: 'warning',
      text: `The server for recordings wants its password again.${queue}`,
      fix: 'Give it in Settings; recordings stay here until then.',
    };
  }
  return {
    id: 'upload',
    verdict: 'warning',
    text: `The server for recordings cannot be reached.${queue}`,
    fix: 'Recordings stay here and are sent when it is back.',
  };
}

async function checkPower({ powerFolder = '/sys/class/power_supply' }: PreflightParts): Promise<PreflightCheck> {
  const unknown: PreflightCheck = {
    id: 'power',
    verdict: 'unknown',
    text: 'Whether the computer is on mains power cannot be told here.',
    fix: 'Plug it in.',
  };
  const names = await readdir(powerFolder).catch(() => undefined);
  if (!names) return unknown;
  const read = async (name: string, what: string): Promise<string> =>
    (await readFile(join(powerFolder, name, what), 'utf8').catch(() => '')).trim();
  const supplies = await Promise.all(
    names.map(async (name) => ({
      type: await read(name, 'type'),
      online: await read(name, 'online'),
      left: await read(name, 'capacity'),
    })),
  );
  const mains = supplies.filter(({ type }) => type === 'Mains' || type === 'USB');
  const battery = supplies.find(({ type }) => type === 'Battery');
  if (!battery)
    return { id: 'power', verdict: 'good', text: 'The computer has no battery: it is on mains power.', fix: '' };
  if (mains.some(({ online }) => online === '1'))
    return { id: 'power', verdict: 'good', text: 'The computer is on mains power.', fix: '' };
  return {
    id: 'power',
    verdict: 'bad',
    text: `The computer runs on its battery${battery.left === '' ? '' : ` (${battery.left} %)`}.`,
    fix: 'Plug it in.',
  };
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function list(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
}

function gigabytes(bytes: number): string {
  return `${oneDigit(bytes / 1e9)} GB`;
}

function oneDigit(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toFixed(1)));
}

function rate(hz: number): string {
  return `${Number(hz.toPrecision(3))} Hz`;
}
