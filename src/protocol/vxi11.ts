import type { RpcProcedure } from './onc-rpc.ts';
import { type XdrType, xdrBool, xdrInt, xdrOpaque, xdrString, xdrStruct, xdrUint, xdrVoid } from './xdr.ts';

/** VXI-11 appendix C: the three programs, all of version 1. The interrupt channel is served by the client, the others by the instrument. */
export const VXI11_CORE = { program: 0x0607af, version: 1 } as const;
export const VXI11_ABORT = { program: 0x0607b0, version: 1 } as const;
export const VXI11_INTERRUPT = { program: 0x0607b1, version: 1 } as const;

/** Device_Flags: bits. */
export const VXI11_FLAG = { waitLock: 1, end: 8, termCharSet: 128 } as const;

/** Why a read ended, device_read of VXI-11 B.6: bits, several at once; none: the buffer of the instrument was full, read on. */
export const VXI11_REASON = { requestCount: 1, termChar: 2, end: 4 } as const;

/** Device_AddrFamily. */
export const VXI11_FAMILY = { tcp: 0, udp: 1 } as const;

/** Device_ErrorCode, VXI-11 table B.2. */
export const VXI11_ERROR = {
  none: 0,
  syntax: 1,
  notAccessible: 3,
  badLink: 4,
  parameter: 5,
  noChannel: 6,
  notSupported: 8,
  outOfResources: 9,
  locked: 11,
  noLock: 12,
  ioTimeout: 15,
  io: 17,
  badAddress: 21,
  aborted: 23,
  channelExists: 29,
} as const;
export type Vxi11ErrorName = keyof typeof VXI11_ERROR;

const NAMES = new Map<number, Vxi11ErrorName>(
  Object.entries(VXI11_ERROR).map(([name, code]) => [code, name as Vxi11ErrorName]),
);

/** Name of an error code; undefined for one the standard does not have. */
export function vxi11ErrorName(code: number): Vxi11ErrorName | undefined {
  return NAMES.get(code);
}

/** For instruments whose maxRecvSize is 0 (Infiniium firmware), against rule B.6.3. */
export const VXI11_FALLBACK_RECV_BYTES = 4096;

/** Longest handle of a service request, appendix C. */
export const VXI11_MAX_HANDLE_BYTES = 40;
/** Longest device name taken. */
const MAX_NAME_BYTES = 256;
/** Longest data of one call taken. */
const VXI11_MAX_DATA_BYTES = 16 * 1024 * 1024;

export interface CreateLinkArgs {
  /** Any value. */
  clientId: number;
  lockDevice: boolean;
  /** ms. */
  lockTimeout: number;
  device: string;
}

export interface CreateLinkResult {
  error: number;
  /** Opaque; 0 is one like any other. */
  lid: number;
  abortPort: number;
  maxRecvSize: number;
}

/** Both timeouts in ms. Here, and in `DeviceReadArgs`, the one of I/O comes first on the wire; in `DeviceGenericArgs` the one of the lock. */
export interface DeviceWriteArgs {
  lid: number;
  ioTimeout: number;
  lockTimeout: number;
  flags: number;
  data: Uint8Array;
}

export interface DeviceReadArgs {
  lid: number;
  requestSize: number;
  ioTimeout: number;
  lockTimeout: number;
  flags: number;
  termChar: number;
}

export interface DeviceGenericArgs {
  lid: number;
  flags: number;
  lockTimeout: number;
  ioTimeout: number;
}

export interface DeviceLockArgs {
  lid: number;
  flags: number;
  lockTimeout: number;
}

export interface DeviceEnableSrqArgs {
  lid: number;
  enable: boolean;
  handle: Uint8Array;
}

export interface DeviceCommandArgs {
  lid: number;
  flags: number;
  ioTimeout: number;
  lockTimeout: number;
  command: number;
  networkOrder: boolean;
  dataSize: number;
  data: Uint8Array;
}

/** Where the instrument finds our interrupt server. */
export interface DeviceRemoteArgs {
  /** IPv4 as one number, first octet highest. */
  hostAddress: number;
  hostPort: number;
  program: number;
  version: number;
  family: number;
}

type OfLink = { lid: number };
type Failed = { error: number };

const data = xdrOpaque(VXI11_MAX_DATA_BYTES);
const link: XdrType<OfLink> = xdrStruct<OfLink>({ lid: xdrInt });
const error: XdrType<Failed> = xdrStruct<Failed>({ error: xdrInt });
const generic: XdrType<DeviceGenericArgs> = xdrStruct<DeviceGenericArgs>({
  lid: xdrInt,
  flags: xdrInt,
  lockTimeout: xdrUint,
  ioTimeout: xdrUint,
});

const simple = (number: number): RpcProcedure<DeviceGenericArgs, Failed> => ({ number, args: generic, result: error });
const ofLink = (number: number): RpcProcedure<OfLink, Failed> => ({ number, args: link, result: error });

const createLink: RpcProcedure<CreateLinkArgs, CreateLinkResult> = {
  number: 10,
  args: xdrStruct<CreateLinkArgs>({
    clientId: xdrInt,
    lockDevice: xdrBool,
    lockTimeout: xdrUint,
    device: xdrString(MAX_NAME_BYTES),
  }),
  result: xdrStruct<CreateLinkResult>({ error: xdrInt, lid: xdrInt, abortPort: xdrUint, maxRecvSize: xdrUint }),
};
const write: RpcProcedure<DeviceWriteArgs, Failed & { size: number }> = {
  number: 11,
  args: xdrStruct<DeviceWriteArgs>({ lid: xdrInt, ioTimeout: xdrUint, lockTimeout: xdrUint, flags: xdrInt, data }),
  result: xdrStruct<Failed & { size: number }>({ error: xdrInt, size: xdrUint }),
};
const read: RpcProcedure<DeviceReadArgs, Failed & { reason: number; data: Uint8Array }> = {
  number: 12,
  args: xdrStruct<DeviceReadArgs>({
    lid: xdrInt,
    requestSize: xdrUint,
    ioTimeout: xdrUint,
    lockTimeout: xdrUint,
    flags: xdrInt,
    termChar: xdrInt,
  }),
  result: xdrStruct<Failed & { reason: number; data: Uint8Array }>({ error: xdrInt, reason: xdrInt, data }),
};
const readStatusByte: RpcProcedure<DeviceGenericArgs, Failed & { statusByte: number }> = {
  number: 13,
  args: generic,
  result: xdrStruct<Failed & { statusByte: number }>({ error: xdrInt, statusByte: xdrUint }),
};
const lock: RpcProcedure<DeviceLockArgs, Failed> = {
  number: 18,
  args: xdrStruct<DeviceLockArgs>({ lid: xdrInt, flags: xdrInt, lockTimeout: xdrUint }),
  result: error,
};
const enableSrq: RpcProcedure<DeviceEnableSrqArgs, Failed> = {
  number: 20,
  args: xdrStruct<DeviceEnableSrqArgs>({ lid: xdrInt, enable: xdrBool, handle: xdrOpaque(VXI11_MAX_HANDLE_BYTES) }),
  result: error,
};
const command: RpcProcedure<DeviceCommandArgs, Failed & { data: Uint8Array }> = {
  number: 22,
  args: xdrStruct<DeviceCommandArgs>({
    lid: xdrInt,
    flags: xdrInt,
    ioTimeout: xdrUint,
    lockTimeout: xdrUint,
    command: xdrInt,
    networkOrder: xdrBool,
    dataSize: xdrInt,
    data,
  }),
  result: xdrStruct<Failed & { data: Uint8Array }>({ error: xdrInt, data }),
};
const createInterruptChannel: RpcProcedure<DeviceRemoteArgs, Failed> = {
  number: 25,
  args: xdrStruct<DeviceRemoteArgs>({
    hostAddress: xdrUint,
    hostPort: xdrUint,
    program: xdrUint,
    version: xdrUint,
    family: xdrInt,
  }),
  result: error,
};
const destroyInterruptChannel: RpcProcedure<void, Failed> = { number: 26, args: xdrVoid, result: error };

/** Procedures of the core channel, VXI-11 appendix C; 21 and 24 do not exist. */
export const CORE_PROCEDURES = {
  createLink,
  write,
  read,
  readStatusByte,
  trigger: simple(14),
  clear: simple(15),
  remote: simple(16),
  local: simple(17),
  lock,
  unlock: ofLink(19),
  enableSrq,
  command,
  destroyLink: ofLink(23),
  createInterruptChannel,
  destroyInterruptChannel,
} as const;

/** The one procedure of the abort channel: ends the call of that link that is under way on the core channel. */
export const ABORT_PROCEDURES = { abort: ofLink(1) } as const;

const serviceRequest: RpcProcedure<{ handle: Uint8Array }, void> = {
  number: 30,
  args: xdrStruct<{ handle: Uint8Array }>({ handle: xdrOpaque(VXI11_MAX_HANDLE_BYTES) }),
  result: xdrVoid,
};

/** The one procedure of the interrupt channel. Nobody answers it: it is one-way. */
export const INTERRUPT_PROCEDURES = { serviceRequest } as const;
