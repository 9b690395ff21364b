import { LabError } from '../../core/errors.ts';
import type { TimedWireReply } from './reply-wire.ts';

const LINE_END = /[\r\n]/;

/** One message without its terminator. Throws `call.invalid` for several: several answers could come. */
export function checkMessage(text: string): string {
  if (!LINE_END.test(text)) return text;
  const message = text.replace(/[\r\n]+$/, '');
  if (!LINE_END.test(message)) return message;
  throw new LabError(
    'call.invalid',
    'One message at a time: the text holds a line end, so several answers could come. Nothing was sent.',
  );
}

/** The block of a reply. Throws `protocol.malformed` if it is a line. */
export function blockOf(reply: TimedWireReply): Uint8Array {
  if (!reply.block) {
    throw new LabError('protocol.malformed', 'The instrument answered a line where a block was expected.');
  }
  return reply.block;
}

export function timeoutError(resource: string, message: string, timeoutMs: number, what: string): LabError {
  return new LabError(
    'transport.timeout',
    `'${message.slice(0, 60)}' ${what} by ${resource} within ${timeoutMs} ms; the reading is missing. An answer that comes later is thrown away. ` +
      'If the instrument needs longer, raise the timeout.',
    { query: message.slice(0, 200), timeoutMs },
  );
}

/** The wire is shared, and its turn did not come. */
export function notSentError(resource: string, message: string, waitedMs: number): LabError {
  return new LabError(
    'instrument.busy',
    `'${message.slice(0, 60)}' was not sent: other instruments on the same adapter as ${resource} kept it busy for ${waitedMs} ms. The reading is missing, the instrument was not touched. ` +
      'Let long transfers end, or poll the instruments of this adapter less often.',
    { query: message.slice(0, 200), waitedMs },
  );
}

export function unexpectedError(message: string, reply: string): LabError {
  return new LabError(
    'protocol.malformed',
    `'${reply.slice(0, 60)}' cannot be the answer to '${message.slice(0, 60)}'; it is not used. Ask again; if it stays, another program may be using the instrument.`,
    { query: message.slice(0, 200), received: reply.slice(0, 200) },
  );
}

export function overtakenError(resource: string): LabError {
  return new LabError(
    'safety.refused',
    `Outputs off came first: what still waited for ${resource} was not sent. Look at the outputs, then order it again.`,
    { resource },
  );
}

export function takenError(resource: string): LabError {
  return new LabError('instrument.busy', `${resource} is streaming; it takes no queries until the stream is stopped.`);
}

export function interruptedError(resource: string): LabError {
  return new LabError(
    'safety.refused',
    `Outputs off came first: the exchange with ${resource} that was under way was cut short, and nothing of its answer is used. If it was a setting, it may have been carried out: read it back.`,
    { resource },
  );
}

export function lacksError(resource: string, what: string): LabError {
  return new LabError(
    'transport.unsupported',
    `The way to ${resource} has no ${what}. Nothing was sent. Another way to the same instrument (VXI-11, HiSLIP, USB) may have it.`,
    { resource },
  );
}
