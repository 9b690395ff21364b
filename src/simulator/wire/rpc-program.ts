import { LabError } from '../../core/errors.ts';
import { decodeCall, encodeRefusal, encodeReply, type RpcProcedure } from '../../protocol/onc-rpc.ts';
import { type XdrReader, xdrVoid } from '../../protocol/xdr.ts';

type Handler = (xid: number, args: XdrReader) => Promise<Uint8Array>;

/** One program of an RPC server: messages in, messages out, over whatever way. */
export class RpcProgram {
  readonly #program: number;
  readonly #version: number;
  readonly #handlers = new Map<number, Handler>();

  constructor({ program, version }: { program: number; version: number }) {
    this.#program = program;
    this.#version = version;
    // RFC 5531 12: procedure 0 does nothing and answers.
    this.on({ number: 0, args: xdrVoid, result: xdrVoid }, () => {});
  }

  on<A, R>(procedure: RpcProcedure<A, R>, handle: (args: A) => R | Promise<R>): this {
    this.#handlers.set(procedure.number, async (xid, reader) => {
      let args: A;
      try {
        args = procedure.args.read(reader);
      } catch (error) {
        if (error instanceof LabError) return encodeRefusal(xid, { reason: 'garbage-arguments' });
        throw error;
      }
      return encodeReply(xid, procedure.result, await handle(args));
    });
    return this;
  }

  /** The reply to a call. Throws `protocol.malformed` for what is no call at all. */
  async answer(message: Uint8Array): Promise<Uint8Array> {
    const { xid, program, version, procedure, args, refusal } = decodeCall(message);
    if (refusal) return encodeRefusal(xid, refusal);
    if (program !== this.#program) return encodeRefusal(xid, { reason: 'program-unavailable' });
    if (version !== this.#version) {
      return encodeRefusal(xid, { reason: 'program-mismatch', low: this.#version, high: this.#version });
    }
    const handler = this.#handlers.get(procedure);
    return handler ? await handler(xid, args) : encodeRefusal(xid, { reason: 'procedure-unavailable' });
  }
}
