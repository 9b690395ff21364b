import type { ServerResponse } from 'node:http';
import type { Wire } from '../delivery/wire.ts';

const TYPE = /"type":"([a-z_]{1,40})"/;
const NUMBER = /"ep":(\d{1,19}).{0,40}?"seq":(\d{1,16})/;
const HEAD_CHARS = 400;

/** One text of a stream as a server-sent event: rows have the id `ep:seq`, by which a client that comes back says where it is. */
export function sseEvent(text: string): string {
  const head = text.slice(0, HEAD_CHARS);
  const place = NUMBER.exec(head);
  const id = place ? `id: ${place[1]}:${place[2]}\n` : '';
  return `${id}event: ${TYPE.exec(head)?.[1] ?? 'message'}\ndata: ${text}\n\n`;
}

/** `Last-Event-ID`; undefined: none, or not one of ours. */
export function parseEventId(text: string | undefined): { epoch: number; seq: number } | undefined {
  const place = /^(\d{1,19}):(\d{1,16})$/.exec(text ?? '');
  if (!place) return undefined;
  const [epoch, seq] = [Number(place[1]), Number(place[2])];
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(seq) ? { epoch, seq } : undefined;
}

/** A response that goes on and on, as an outbox sees it. */
export function createSseWire(response: ServerResponse, sent: (bytes: number) => void): Wire {
  return {
    send(data) {
      if (typeof data !== 'string' || response.destroyed) return;
      const event = sseEvent(data);
      sent(Buffer.byteLength(event));
      response.write(event);
    },
    get bufferedBytes() {
      return response.writableLength;
    },
    close: () => response.end(),
  };
}
