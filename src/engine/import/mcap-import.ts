import { z } from 'zod';
import { FedRecorder } from '../export/fed-recorder.ts';
import { systemDisk } from '../recording/disk.ts';
import { parseJson } from '../recording/part-records.ts';
import { finishImport } from './finish-import.ts';
import { importFailed } from './import-error.ts';
import type { ImportJob, ImportResult } from './import-task.ts';
import { importedAbout, importedName } from './imported-about.ts';
import type { JsonField } from './json-fields.ts';
import { JsonFields, numberAt } from './json-fields.ts';
import { walkMcap } from './record-walk.ts';
import { TimedRows } from './timed-rows.ts';
import { distinct, plain, StreamNumbers, topicStream } from './topic-stream.ts';

/** Messages of one topic, over all its channels. */
interface Topic {
  fields: JsonFields;
  messages: number;
  firstNs: bigint;
  lastNs: bigint;
  units: ReadonlyMap<string, string>;
}

interface Survey {
  /** Topic by channel; of those with JSON messages. */
  topics: Map<number, Topic & { name: string }>;
  byName: Map<string, Topic>;
  notes: string[];
  firstNs: bigint;
}

/** Log times beyond are no ns since 1970. */
const MOST_NS = 2n ** 63n;

/**
 * Any MCAP file with JSON messages: a stream a topic, a channel a number in its messages, `logTime` as time. Read twice: which numbers there are,
 * and the numbers.
 * @throws LabError import.failed
 */
export async function importMcap(job: ImportJob): Promise<ImportResult> {
  const { path, temporary } = job;
  const file = await systemDisk.open(path, 'read');
  try {
    const size = await file.size();
    const survey = await surveyMcap(job, (bytes) => job.tick((bytes / size) * 0.4));
    const used = [...survey.byName].filter(([, { fields }]) => fields.fields.length > 0);
    if (used.length === 0) {
      throw importFailed(
        path,
        `it holds no numbers in JSON messages${survey.notes.length > 0 ? ` (${survey.notes.join(' ')})` : ''}`,
        'Convert it to MCAP with JSON messages, or to a CSV table, and import that.',
      );
    }
    const instruments = new Set(used.map(([name]) => topicStream(name).instrument));
    const about = importedAbout(job, instruments, [], survey.notes);
    await using fed = await FedRecorder.open({ folder: temporary, name: importedName(job), about }, survey.firstNs);
    const streams = openStreams(fed, survey, used);
    for await (const record of walkMcap(file, path)) {
      if (record.type === 'place') job.tick(0.4 + (record.bytes / size) * 0.6);
      if (record.type !== 'message') continue;
      const topic = survey.topics.get(record.channel);
      const stream = topic && streams.get(topic.name);
      if (!stream || record.logNs >= MOST_NS) continue;
      const message = parseMessage(record.data);
      if (message === undefined) continue;
      const values = Float64Array.from(stream.fields, (field) => numberAt(message, field));
      if (stream.rows.add(record.logNs, values)) await fed.room();
    }
    return await finishImport(
      job,
      fed,
      [...streams.values()].map(({ rows }) => rows),
      survey.notes,
    );
  } finally {
    await file.close();
  }
}

function openStreams(
  fed: FedRecorder,
  { firstNs }: Survey,
  used: readonly [string, Topic][],
): Map<string, { fields: JsonField[]; rows: TimedRows }> {
  const numbers = new StreamNumbers(firstNs);
  return new Map(
    used.map(([name, topic]) => {
      const { instrument, stream, prefix } = topicStream(name);
      const { fields } = topic.fields;
      const names = distinct(fields.map((field) => plain(prefix + field.name)));
      const columns = fields.map((field, index) => ({
        channel: names[index] ?? field.name,
        unit: topic.units.get(field.name) ?? '',
      }));
      const spanS = Number(topic.lastNs - topic.firstNs) / 1e9;
      const rateHz = spanS > 0 ? Number(((topic.messages - 1) / spanS).toPrecision(6)) : 0;
      return [name, { fields, rows: new TimedRows(fed, numbers.open(instrument, stream, columns, rateHz)) }];
    }),
  );
}

/** Goes through the file: topics with JSON messages, the numbers in them, and what is not taken. */
async function surveyMcap({ path }: ImportJob, told: (bytes: number) => void): Promise<Survey> {
  const file = await systemDisk.open(path, 'read');
  const survey: Survey = { topics: new Map(), byName: new Map(), notes: [], firstNs: MOST_NS };
  const schemas = new Map<number, string>();
  const others = new Map<string, number>();
  const otherChannels = new Map<number, string>();
  let unreadable = 0;
  try {
    for await (const record of walkMcap(file, path)) {
      if (record.type === 'place') told(record.bytes);
      else if (record.type === 'schema') {
        const { id, encoding, data } = record.schema;
        if (encoding === 'jsonschema') schemas.set(id, new TextDecoder().decode(data));
      } else if (record.type === 'channel') {
        const { id, topic, messageEncoding, schemaId } = record.channel;
        if (messageEncoding === 'json') addChannel(survey, id, topic, schemas.get(schemaId));
        else otherChannels.set(id, messageEncoding === '' ? 'none' : messageEncoding);
      } else {
        const topic = survey.topics.get(record.channel);
        const other = otherChannels.get(record.channel);
        if (other !== undefined) others.set(other, (others.get(other) ?? 0) + 1);
        if (!topic) continue;
        const message = record.logNs < MOST_NS ? parseMessage(record.data) : undefined;
        if (message === undefined) {
          unreadable++;
          continue;
        }
        count(topic, record.logNs, message);
        if (record.logNs < survey.firstNs) survey.firstNs = record.logNs;
      }
    }
  } finally {
    await file.close();
  }
  for (const [encoding, messages] of others) {
    survey.notes.push(`${messages} messages with encoding “${encoding}” were left out: JSON is read.`);
  }
  if (unreadable > 0) survey.notes.push(`${unreadable} messages were left out: they are no JSON, or have no time.`);
  for (const [name, { fields }] of survey.byName) {
    if (fields.left > 0) survey.notes.push(`${name}: numbers beyond the first ${fields.fields.length} were left out.`);
  }
  return survey;
}

/** A channel may be announced again; topics that share a name are one. */
function addChannel(survey: Survey, id: number, name: string, schema: string | undefined): void {
  let topic = survey.byName.get(name);
  if (!topic) {
    topic = { fields: new JsonFields(), messages: 0, firstNs: 0n, lastNs: 0n, units: unitsIn(schema) };
    survey.byName.set(name, topic);
  }
  survey.topics.set(id, Object.assign(topic, { name }));
}

function count(topic: Topic, logNs: bigint, message: unknown): void {
  if (topic.messages === 0 || logNs < topic.firstNs) topic.firstNs = logNs;
  if (topic.messages === 0 || logNs > topic.lastNs) topic.lastNs = logNs;
  topic.messages++;
  topic.fields.collect(message);
}

/** Undefined if it is no JSON. */
function parseMessage(data: Uint8Array): unknown {
  return parseJson(new TextDecoder().decode(data));
}

const describedSchema = z.object({
  properties: z.record(z.string(), z.object({ unit: z.string().max(20).optional() }).loose()),
});

/** Units, where a JSON schema says them: `"properties": {"voltage": {"type": "number", "unit": "V"}}`. */
function unitsIn(schema: string | undefined): Map<string, string> {
  const parsed = describedSchema.safeParse(parseJson(schema));
  const entries = parsed.success ? Object.entries(parsed.data.properties) : [];
  return new Map(entries.flatMap(([name, { unit }]) => (unit === undefined ? [] : [[name, unit]])));
}
