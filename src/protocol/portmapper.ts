import { LabError } from '../core/errors.ts';
import type { RpcProcedure } from './onc-rpc.ts';
import { type XdrType, xdrStruct, xdrUint, xdrVoid } from './xdr.ts';

/** RFC 1833 3: the portmapper, version 2. rpcbind's versions 3 and 4 are asked for by libtirpc first, which takes a mismatch for an answer. */
export const PORTMAPPER = { program: 100_000, version: 2, port: 111 } as const;

/** Transports of a mapping, by the numbers of IP. */
export const IP_PROTOCOL = { tcp: 6, udp: 17 } as const;

/** Longest list taken. */
const MAX_MAPPINGS = 1024;

export interface PortMapping {
  program: number;
  version: number;
  /** IP_PROTOCOL. */
  protocol: number;
  /** In a question 0. */
  port: number;
}

const portMapping: XdrType<PortMapping> = xdrStruct<PortMapping>({
  program: xdrUint,
  version: xdrUint,
  protocol: xdrUint,
  port: xdrUint,
});

/** RFC 1833 3.1, pmaplist: each entry behind a 1, then a 0. */
const mappingList: XdrType<PortMapping[]> = {
  write(writer, mappings) {
    for (const mapping of mappings) {
      writer.bool(true);
      portMapping.write(writer, mapping);
    }
    writer.bool(false);
  },
  read(reader) {
    const mappings: PortMapping[] = [];
    while (reader.bool()) {
      if (mappings.length >= MAX_MAPPINGS)
        throw new LabError('protocol.too-long', `The portmapper lists more than ${MAX_MAPPINGS} programs.`);
      mappings.push(portMapping.read(reader));
    }
    return mappings;
  },
};

const none: RpcProcedure<void, void> = { number: 0, args: xdrVoid, result: xdrVoid };
const getPort: RpcProcedure<PortMapping, number> = { number: 3, args: portMapping, result: xdrUint };
const dump: RpcProcedure<void, PortMapping[]> = { number: 4, args: xdrVoid, result: mappingList };

/** Those of RFC 1833 3.2 that are used; `getPort` gives 0 for a program that is not registered. */
export const PORTMAPPER_PROCEDURES = { none, getPort, dump } as const;
