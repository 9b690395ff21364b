import { LabError } from '../../core/errors.ts';
import type { Principal } from '../access/principal.ts';
import { hasRight } from '../access/role.ts';
import { readRawHistory } from '../bench/raw-history.ts';
import type { HubParts } from '../hub-parts.ts';
import type { WantedTransfer } from './client-message.ts';

/** What a transfer carries. Its bytes are the same for as long as it lives, so it can be gone on with anywhere. */
export interface TransferContent {
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** For a file: without any path. */
  readonly name: string;
  /** What is needed to read it, by its kind. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Bytes it holds in the memory of the hub. */
  readonly heldBytes: number;
  /** From `offset` on, at most so many bytes and at least one. */
  read(offset: number, bytes: number): Uint8Array | Promise<Uint8Array>;
}

/** In whose name the bench is asked. */
export interface TransferAsker {
  principal: Principal;
  as: Parameters<HubParts['bench']['client']['call']>[2];
}

const LAST_NS = 9_223_372_036_854_775_807n;
/** Of one segment. */
const MAX_SAMPLES = 1_000_000;

/** Takes or opens what a client wants. Throws hub.no-equipment, hub.unsupported, hub.forbidden, call.denied, recording.unknown, instrument.*. */
export function openContent(
  parts: Pick<HubParts, 'bench' | 'recordings'>,
  wanted: WantedTransfer,
  asker: TransferAsker,
): Promise<TransferContent> {
  switch (wanted.what) {
    case 'screenshot':
      return screenshotOf(parts, wanted.equipment_id, asker);
    case 'waveform':
      return waveformOf(parts, wanted, asker);
    case 'recording':
      return recordingOf(parts, wanted, asker);
  }
}

function inMemory(
  bytes: Uint8Array,
  { mediaType, name, about = {} }: { mediaType: string; name: string; about?: Record<string, unknown> },
): TransferContent {
  return {
    sizeBytes: bytes.length,
    heldBytes: bytes.length,
    mediaType,
    name,
    about,
    read: (offset, most) => bytes.subarray(offset, offset + most),
  };
}

async function screenshotOf(
  { bench }: Pick<HubParts, 'bench'>,
  equipmentId: string,
  { as }: TransferAsker,
): Promise<TransferContent> {
  const { id, instrument } = bench.find(equipmentId);
  const { type, base64 } = await bench.client.call('instrument.screenshot', { instrument: instrument.id }, as);
  const name = `${id}.${type.replace('image/', '')}`;
  return inMemory(Buffer.from(base64, 'base64'), { mediaType: type, name });
}

/** Columns one after the other, Float32 little-endian. */
async function waveformOf(
  { bench }: Pick<HubParts, 'bench'>,
  { equipment_id, channels }: Extract<WantedTransfer, { what: 'waveform' }>,
  { as }: TransferAsker,
): Promise<TransferContent> {
  const { id, instrument } = bench.find(equipment_id);
  const { waveforms, label } = instrument;
  if (waveforms.length === 0)
    throw new LabError('hub.unsupported', `${label} has no waveforms. Nothing was taken; its values come as streams.`);
  const names = channels.length > 0 ? channels : waveforms.slice(0, 1);
  const unknown = names.find((name) => !waveforms.includes(name));
  if (unknown !== undefined)
    throw new LabError(
      'call.invalid',
      `${label} has no waveform ${unknown.slice(0, 60)}. Nothing was taken. There are: ${waveforms.join(', ')}.`,
    );
  const { stream } = await bench.client.call('instrument.capture', { instrument: instrument.id, channels: names }, as);
  const { pieces, streams } = await readRawHistory(bench.client, {
    channels: names.map((name) => `${instrument.id}/${name}`),
    fromNs: 0n,
    toNs: LAST_NS,
    limit: MAX_SAMPLES,
  });
  const info = streams.find(({ key }) => key === stream);
  const own = pieces.filter((piece) => piece.stream === info?.id);
  const head = own[0]?.block.batch;
  if (!info || !head) throw new LabError('instrument.silent', `${label} gave no waveform. Try again.`);
  const rows = own.reduce((sum, { block }) => sum + block.batch.rows, 0);
  const columns = names.flatMap((name) => {
    const index = info.columns.findIndex(({ channel }) => channel === name);
    return index < 0 ? [] : [{ name, unit: info.columns[index]?.unit ?? '', index }];
  });
  const bytes = new Uint8Array(rows * columns.length * 4);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { index } of columns)
    for (const { block } of own) {
      const column = block.batch.columns[block.channels.indexOf(index)];
      for (let row = 0; row < block.batch.rows; row++, at += 4) view.setFloat32(at, column?.[row] ?? Number.NaN, true);
    }
  return inMemory(bytes, {
    mediaType: 'application/octet-stream',
    name: `${id}-waveform.f32`,
    about: {
      channels: columns.map(({ name }) => name),
      units: columns.map(({ unit }) => unit),
      dtype: 'f32',
      n: rows,
      // ns do not fit a number of JSON.
      t0_ns: String(head.t0Ns),
      dt: head.dtS,
      x_origin: head.xOriginS,
    },
  });
}

/** A file of a recording of messages that was stopped; never more of it in memory than a piece. */
async function recordingOf(
  { recordings }: Pick<HubParts, 'recordings'>,
  { session_id, part }: Extract<WantedTransfer, { what: 'recording' }>,
  { principal }: TransferAsker,
): Promise<TransferContent> {
  if (!hasRight(principal.role, 'control'))
    throw new LabError('hub.forbidden', `${principal.name} may not have recordings of this bench. Nothing was read.`);
  const { name, sizeBytes, read } = await recordings.open(session_id, part);
  const mediaType = name.endsWith('.gz') ? 'application/gzip' : 'application/octet-stream';
  return { sizeBytes, heldBytes: 0, mediaType, name, about: { session_id, part }, read };
}
