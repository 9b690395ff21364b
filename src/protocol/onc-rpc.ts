import { LabError } from '../core/errors.ts';
import { XdrReader, type XdrType, XdrWriter } from './xdr.ts';

/** RFC 5531 8: version 2 of the RPC protocol itself. */
const RPC_VERSION = 2;
const CALL = 0;
const REPLY = 1;
const ACCEPTED = 0;
const DENIED = 1;
const AUTH_NONE = 0;
/** RFC 5531 8.2. */
const MAX_AUTH_BYTES = 400;

/** accept_stat of RFC 5531 9, in its order from 0. */
const ACCEPT_STATS = [
  'success',
  'program-unavailable',
  'program-mismatch',
  'procedure-unavailable',
  'garbage-arguments',
  'system-error',
] as const;

/** Why a server did not carry out a call; versions are those it has. */
export type RpcRefusal =
  | { reason: 'program-unavailable' | 'procedure-unavailable' | 'garbage-arguments' | 'system-error' }
  | { reason: 'program-mismatch' | 'rpc-mismatch'; low: number; high: number }
  | { reason: 'auth-error'; authStat: number };

/** A procedure of a program: its number, what it takes and what it gives. */
export interface RpcProcedure<A, R> {
  number: number;
  args: XdrType<A>;
  result: XdrType<R>;
}

export interface RpcCall {
  xid: number;
  program: number;
  version: number;
  procedure: number;
  /** At the arguments. */
  args: XdrReader;
}

export interface RpcReply {
  xid: number;
  /** At the results; absent: refused. */
  result?: XdrReader;
  refusal?: RpcRefusal;
}

/** A call without credentials, RFC 5531 9: call body, AUTH_NONE twice, arguments. */
export function encodeCall<A>(
  header: { xid: number; program: number; version: number },
  procedure: { number: number; args: XdrType<A> },
  args: A,
  capacity?: number,
): Uint8Array {
  const writer = new XdrWriter(capacity);
  writer.uint(header.xid);
  writer.uint(CALL);
  writer.uint(RPC_VERSION);
  writer.uint(header.program);
  writer.uint(header.version);
  writer.uint(procedure.number);
  writeNoAuth(writer);
  writeNoAuth(writer);
  procedure.args.write(writer, args);
  return writer.bytes;
}

/** Reads a call; `refusal` when it is one of another RPC version, which is answered and not carried out. Throws `protocol.malformed`. */
export function decodeCall(message: Uint8Array): RpcCall & { refusal?: RpcRefusal } {
  const args = new XdrReader(message);
  const xid = args.uint();
  const kind = args.uint();
  if (kind !== CALL) throw malformed(`a message of kind ${kind} where a call is expected`);
  const isOurs = args.uint() === RPC_VERSION;
  if (!isOurs) {
    const refusal: RpcRefusal = { reason: 'rpc-mismatch', low: RPC_VERSION, high: RPC_VERSION };
    return { xid, program: 0, version: 0, procedure: 0, args, refusal };
  }
  const program = args.uint();
  const version = args.uint();
  const procedure = args.uint();
  skipAuth(args);
  skipAuth(args);
  return { xid, program, version, procedure, args };
}

/** The answer to a call that was carried out. */
export function encodeReply<R>(xid: number, type: XdrType<R>, result: R, capacity?: number): Uint8Array {
  const writer = new XdrWriter(capacity);
  writeAccepted(writer, xid);
  writer.uint(0);
  type.write(writer, result);
  return writer.bytes;
}

/** The answer to a call that was not. */
export function encodeRefusal(xid: number, refusal: RpcRefusal): Uint8Array {
  const writer = new XdrWriter(64);
  if (refusal.reason === 'rpc-mismatch' || refusal.reason === 'auth-error') {
    writer.uint(xid);
    writer.uint(REPLY);
    writer.uint(DENIED);
    writer.uint(refusal.reason === 'rpc-mismatch' ? 0 : 1);
    if (refusal.reason === 'auth-error') writer.uint(refusal.authStat);
  } else {
    writeAccepted(writer, xid);
    writer.uint(ACCEPT_STATS.indexOf(refusal.reason));
  }
  if ('low' in refusal) {
    writer.uint(refusal.low);
    writer.uint(refusal.high);
  }
  return writer.bytes;
}

/** Reads a reply. Throws `protocol.malformed`. */
export function decodeReply(message: Uint8Array): RpcReply {
  const reader = new XdrReader(message);
  const xid = reader.uint();
  const kind = reader.uint();
  if (kind !== REPLY) throw malformed(`a message of kind ${kind} where a reply is expected`);
  const status = reader.uint();
  if (status === DENIED) return { xid, refusal: readDenial(reader) };
  if (status !== ACCEPTED) throw malformed(`a reply with the status ${status}`);
  skipAuth(reader);
  const accepted = reader.uint();
  const reason = ACCEPT_STATS[accepted];
  if (reason === undefined) throw malformed(`a reply with the accept status ${accepted}`);
  if (reason === 'success') return { xid, result: reader };
  if (reason === 'program-mismatch') return { xid, refusal: { reason, low: reader.uint(), high: reader.uint() } };
  return { xid, refusal: { reason } };
}

function readDenial(reader: XdrReader): RpcRefusal {
  const why = reader.uint();
  if (why === 0) return { reason: 'rpc-mismatch', low: reader.uint(), high: reader.uint() };
  if (why === 1) return { reason: 'auth-error', authStat: reader.uint() };
  throw malformed(`a denial for the reason ${why}`);
}

function writeAccepted(writer: XdrWriter, xid: number): void {
  writer.uint(xid);
  writer.uint(REPLY);
  writer.uint(ACCEPTED);
  writeNoAuth(writer);
}

function writeNoAuth(writer: XdrWriter): void {
  writer.uint(AUTH_NONE);
  writer.uint(0);
}

/** Credentials and verifiers of every flavour are passed over: nothing here asks for one. */
function skipAuth(reader: XdrReader): void {
  reader.uint();
  reader.opaque(MAX_AUTH_BYTES);
}

function malformed(what: string): LabError {
  return new LabError(
    'protocol.malformed',
    `The other side sent ${what}. Nothing of it is used. If it stays, the port belongs to another service.`,
  );
}
