import type { McapRecordBuilder } from '@mcap/core';
import type { StreamInfo } from '../../core/stream-info.ts';
import {
  BATCH_ENCODING,
  BATCH_SCHEMA,
  BATCH_SCHEMA_ID,
  BATCH_SCHEMA_TEXT,
  EVENT_CHANNEL_ID,
  EVENT_SCHEMA,
  EVENT_SCHEMA_ID,
  EVENT_SCHEMA_TEXT,
  EVENT_TOPIC,
  EXCHANGE_SCHEMA,
  EXCHANGE_SCHEMA_ID,
  EXCHANGE_SCHEMA_TEXT,
  EXCHANGE_TOPIC,
} from './file-layout.ts';

export type SchemaRecord = Parameters<McapRecordBuilder['writeSchema']>[0];
export type ChannelRecord = Parameters<McapRecordBuilder['writeChannel']>[0];

const encoder = new TextEncoder();

/** In every part. */
export const OWN_SCHEMAS: readonly SchemaRecord[] = [
  { id: BATCH_SCHEMA_ID, name: BATCH_SCHEMA, encoding: BATCH_ENCODING, data: encoder.encode(BATCH_SCHEMA_TEXT) },
  jsonSchema(EVENT_SCHEMA_ID, EVENT_SCHEMA, EVENT_SCHEMA_TEXT),
];

/** In every part. */
export const EVENT_CHANNEL = jsonChannel(EVENT_CHANNEL_ID, EVENT_SCHEMA_ID, EVENT_TOPIC);

/** Announced when the first exchange comes. */
export const EXCHANGE_SCHEMA_RECORD = jsonSchema(EXCHANGE_SCHEMA_ID, EXCHANGE_SCHEMA, EXCHANGE_SCHEMA_TEXT);

export function exchangeChannel(id: number): ChannelRecord {
  return jsonChannel(id, EXCHANGE_SCHEMA_ID, EXCHANGE_TOPIC);
}

/** The channel of a stream: what the stream is, as JSON. */
export function streamChannel(id: number, info: StreamInfo): ChannelRecord {
  return {
    id,
    schemaId: BATCH_SCHEMA_ID,
    topic: info.key,
    messageEncoding: BATCH_ENCODING,
    metadata: new Map([['stream', JSON.stringify({ ...info, id })]]),
  };
}

export function jsonChannel(
  id: number,
  schemaId: number,
  topic: string,
  metadata = new Map<string, string>(),
): ChannelRecord {
  return { id, schemaId, topic, messageEncoding: 'json', metadata };
}

export function jsonSchema(id: number, name: string, text: string): SchemaRecord {
  return { id, name, encoding: 'jsonschema', data: encoder.encode(text) };
}
