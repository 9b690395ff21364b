import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { decodeCall, encodeRefusal, encodeReply, type RpcRefusal } from '../../../protocol/onc-rpc.ts';
import { markRecord, RecordReader } from '../../../protocol/record-mark.ts';
import { INTERRUPT_PROCEDURES, VXI11_INTERRUPT, VXI11_MAX_HANDLE_BYTES } from '../../../protocol/vxi11.ts';
import { xdrVoid } from '../../../protocol/xdr.ts';
import { fromOsError } from '../os-error.ts';

/** An instrument opens one connection; one more may be left over from before. */
const MAX_CONNECTIONS = 4;
/** A service request is some 100 bytes. */
const MAX_RECORD_BYTES = 4096;

export interface InterruptServer extends AsyncDisposable {
  readonly port: number;
  /** Comes with each service request meant for us. */
  readonly handle: Uint8Array;
}

/**
 * Our end of the interrupt channel: the instrument calls device_intr_srq here. Not answered: the procedure is one-way. `address`: the one the
 * instrument sees us at. Throws `transport.*`.
 */
export async function openInterruptServer(
  address: string,
  resource: string,
  onRequest: () => void,
): Promise<InterruptServer> {
  const handle = new Uint8Array(randomBytes(16));
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    const reader = new RecordReader({ maxRecordBytes: MAX_RECORD_BYTES });
    socket.on('data', (chunk) => {
      try {
        for (const record of reader.push(chunk)) {
          const reply = take(record, handle, onRequest);
          if (reply) socket.write(markRecord(reply));
        }
      } catch {
        // Whoever this is, it is no instrument.
        socket.destroy();
      }
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(fromOsError(error, resource, `Cannot listen for service requests of ${resource}`)),
    );
    server.listen(0, address, () => resolve());
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    handle,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** What is to be answered; nothing to a service request. */
function take(record: Uint8Array, handle: Uint8Array, onRequest: () => void): Uint8Array | undefined {
  const call = decodeCall(record);
  const refuse = (refusal: RpcRefusal): Uint8Array => encodeRefusal(call.xid, refusal);
  if (call.refusal) return refuse(call.refusal);
  const { program, version } = VXI11_INTERRUPT;
  if (call.program !== program) return refuse({ reason: 'program-unavailable' });
  if (call.version !== version) return refuse({ reason: 'program-mismatch', low: version, high: version });
  // RFC 5531 12: procedure 0 of every program does nothing and answers.
  if (call.procedure === 0) return encodeReply(call.xid, xdrVoid, undefined);
  const { number, args } = INTERRUPT_PROCEDURES.serviceRequest;
  if (call.procedure !== number) return refuse({ reason: 'procedure-unavailable' });
  const request = args.read(call.args);
  if (request.handle.length <= VXI11_MAX_HANDLE_BYTES && Buffer.compare(request.handle, handle) === 0) onRequest();
  return undefined;
}
