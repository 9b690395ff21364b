import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import {
  decodeCall,
  decodeReply,
  encodeCall,
  encodeRefusal,
  encodeReply,
  type RpcProcedure,
  type RpcRefusal,
} from './onc-rpc.ts';
import { PORTMAPPER, PORTMAPPER_PROCEDURES } from './portmapper.ts';
import {
  ABORT_PROCEDURES,
  CORE_PROCEDURES,
  INTERRUPT_PROCEDURES,
  VXI11_ABORT,
  VXI11_CORE,
  VXI11_ERROR,
  VXI11_FLAG,
  VXI11_INTERRUPT,
  VXI11_REASON,
  vxi11ErrorName,
} from './vxi11.ts';

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const bytes = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Calls as lxi-tools (libtirpc) and PyVISA-py sent them to a server, and what answers them; without record marks. */
const LXI = {
  createLink: bytes(
    '5e9ea956 00000000 00000002 000607af 00000001 0000000a 00000000 00000000 00000000 00000000 e4001e90 00000000 00000000 00000005 696e737430000000',
  ),
  write: bytes(
    '5d9ea956 00000000 00000002 000607af 00000001 0000000b 00000000 00000000 00000000 00000000 00000000 00000bb8 00000000 00000009 00000005 2a49444e3f000000',
  ),
  read: bytes(
    '5c9ea956 00000000 00000002 000607af 00000001 0000000c 00000000 00000000 00000000 00000000 00000000 00010000 00000bb8 00000000 00000000 00000000',
  ),
};
const PYVISA = {
  createLink: bytes(
    '00000001 00000000 00000002 000607af 00000001 0000000a 00000000 00000000 00000000 00000000 2cdc2192 00000000 00002710 00000005 696e737430000000',
  ),
  write: bytes(
    '00000002 00000000 00000002 000607af 00000001 0000000b 00000000 00000000 00000000 00000000 00000001 000007d0 00002710 00000008 00000007 2a49444e3f0d0a00',
  ),
  read: bytes(
    '00000003 00000000 00000002 000607af 00000001 0000000c 00000000 00000000 00000000 00000000 00000001 00005000 000007d0 00002710 00000000 00000000',
  ),
  readStatusByte: bytes(
    '00000004 00000000 00000002 000607af 00000001 0000000d 00000000 00000000 00000000 00000000 00000001 00000000 00002710 000007d0',
  ),
  clear: bytes(
    '00000005 00000000 00000002 000607af 00000001 0000000f 00000000 00000000 00000000 00000000 00000001 00000000 00002710 000007d0',
  ),
  destroyLink: bytes(
    '00000006 00000000 00000002 000607af 00000001 00000017 00000000 00000000 00000000 00000000 00000001',
  ),
};

/** The call read, and written again to the same bytes. */
function understood<A, R>(message: Uint8Array, procedure: RpcProcedure<A, R>): A {
  const call = decodeCall(message);
  expect([call.program, call.version, call.procedure]).toEqual([0x0607af, 1, procedure.number]);
  const args = procedure.args.read(call.args);
  expect(call.args.left).toBe(0);
  expect(hex(encodeCall({ xid: call.xid, ...VXI11_CORE }, procedure, args))).toBe(hex(message));
  return args;
}

describe('VXI-11 calls of programs no one here wrote', () => {
  it('lxi-tools', () => {
    const { createLink, write, read } = CORE_PROCEDURES;
    expect(understood(LXI.createLink, createLink)).toEqual({
      clientId: 0xe4001e90 | 0,
      lockDevice: false,
      lockTimeout: 0,
      device: 'inst0',
    });
    expect(understood(LXI.write, write)).toEqual({
      lid: 0,
      ioTimeout: 3000,
      lockTimeout: 0,
      flags: VXI11_FLAG.end | VXI11_FLAG.waitLock,
      data: ascii('*IDN?'),
    });
    expect(understood(LXI.read, read)).toMatchObject({ lid: 0, requestSize: 65_536, ioTimeout: 3000, flags: 0 });
  });

  it('PyVISA-py: the lock timeout comes first in generic calls, that of I/O in reads and writes', () => {
    const { createLink, write, read, readStatusByte, clear, destroyLink } = CORE_PROCEDURES;
    expect(understood(PYVISA.createLink, createLink)).toMatchObject({ lockTimeout: 10_000, device: 'inst0' });
    expect(understood(PYVISA.write, write)).toMatchObject({ lid: 1, ioTimeout: 2000, lockTimeout: 10_000 });
    expect(understood(PYVISA.read, read)).toMatchObject({ requestSize: 20_480, ioTimeout: 2000, lockTimeout: 10_000 });
    const generic = { lid: 1, flags: 0, lockTimeout: 10_000, ioTimeout: 2000 };
    expect(understood(PYVISA.readStatusByte, readStatusByte)).toEqual(generic);
    expect(understood(PYVISA.clear, clear)).toEqual(generic);
    expect(understood(PYVISA.destroyLink, destroyLink)).toEqual({ lid: 1 });
  });

  it('answers they took', () => {
    const link = { error: 0, lid: 0, abortPort: 0x900d, maxRecvSize: 0x100000 };
    expect(hex(encodeReply(0x5e9ea956, CORE_PROCEDURES.createLink.result, link))).toBe(
      '5e9ea956000000010000000000000000000000000000000000000000000000000000900d00100000',
    );
    const data = ascii('Labwire,Test,1,1.0\n');
    expect(hex(encodeReply(3, CORE_PROCEDURES.read.result, { error: 0, reason: VXI11_REASON.end, data }))).toBe(
      '00000003000000010000000000000000000000000000000000000000000000040000001' +
        '34c6162776972652c546573742c312c312e300a00',
    );
  });
});

describe('VXI-11 appendix C', () => {
  it('has these numbers', () => {
    expect([VXI11_CORE, VXI11_ABORT, VXI11_INTERRUPT].map(({ program }) => program)).toEqual([395183, 395184, 395185]);
    expect(Object.values(CORE_PROCEDURES).map(({ number }) => number)).toEqual([
      10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 25, 26,
    ]);
    expect(ABORT_PROCEDURES.abort.number).toBe(1);
    expect(INTERRUPT_PROCEDURES.serviceRequest.number).toBe(30);
  });

  it('lays out what the peers above do not send', () => {
    const header = { xid: 0, ...VXI11_CORE };
    const body = <A, R>(procedure: RpcProcedure<A, R>, args: A): string =>
      hex(encodeCall(header, procedure, args)).slice(80);
    const { lock, unlock, enableSrq, command, createInterruptChannel, destroyInterruptChannel } = CORE_PROCEDURES;
    expect(body(lock, { lid: 2, flags: 1, lockTimeout: 500 })).toBe('0000000200000001000001f4');
    expect(body(unlock, { lid: -1 })).toBe('ffffffff');
    expect(body(enableSrq, { lid: 2, enable: true, handle: bytes('0a0b0c') })).toBe('0000000200000001000000030a0b0c00');
    const remote = { hostAddress: 0x7f000001, hostPort: 4660, program: 0x0607b1, version: 1, family: 0 };
    expect(body(createInterruptChannel, remote)).toBe('7f00000100001234000607b10000000100000000');
    expect(body(destroyInterruptChannel, undefined)).toBe('');
    const docmd = {
      lid: 1,
      flags: 0,
      ioTimeout: 2,
      lockTimeout: 3,
      command: 0x020001,
      networkOrder: true,
      dataSize: 2,
      data: bytes('0001'),
    };
    expect(body(command, docmd)).toBe('0000000100000000000000020000000300020001000000010000000200000002' + '00010000');
    const intr = encodeCall({ xid: 0, ...VXI11_INTERRUPT }, INTERRUPT_PROCEDURES.serviceRequest, {
      handle: bytes('ff'),
    });
    expect(hex(intr).slice(80)).toBe('00000001ff000000');
  });

  it('names its errors and no others', () => {
    for (const [name, code] of Object.entries(VXI11_ERROR)) expect(vxi11ErrorName(code)).toBe(name);
    for (const code of [2, 7, 10, 13, 14, 16, 22, 24, 28, 30, -1, 99]) expect(vxi11ErrorName(code)).toBeUndefined();
  });

  it('refuses a handle of more than 40 bytes', () => {
    const args = { lid: 0, enable: true, handle: new Uint8Array(41) };
    const call = decodeCall(encodeCall({ xid: 0, ...VXI11_CORE }, CORE_PROCEDURES.enableSrq, args));
    expect(() => CORE_PROCEDURES.enableSrq.args.read(call.args)).toThrow(/at most 40/);
  });
});

describe('ONC RPC', () => {
  const refusals: [RpcRefusal, string][] = [
    [{ reason: 'program-unavailable' }, '0000000900000001000000000000000000000000' + '00000001'],
    [
      { reason: 'program-mismatch', low: 2, high: 2 },
      '0000000900000001000000000000000000000000000000020000000200000002',
    ],
    [{ reason: 'procedure-unavailable' }, '000000090000000100000000000000000000000000000003'],
    [{ reason: 'garbage-arguments' }, '000000090000000100000000000000000000000000000004'],
    [{ reason: 'system-error' }, '000000090000000100000000000000000000000000000005'],
    [{ reason: 'rpc-mismatch', low: 2, high: 2 }, '00000009000000010000000100000000' + '0000000200000002'],
    [{ reason: 'auth-error', authStat: 5 }, '0000000900000001000000010000000100000005'],
  ];

  it.each(refusals)('refuses: %o (RFC 5531 9)', (refusal, message) => {
    expect(hex(encodeRefusal(9, refusal))).toBe(message);
    expect(decodeReply(bytes(message))).toEqual({ xid: 9, refusal });
  });

  it('passes over credentials of every kind, and asks for RPC version 2', () => {
    const unix = '00000001 00000008 0102030405060708 00000000 00000000';
    const call = decodeCall(bytes(`00000007 00000000 00000002 000186a0 00000002 00000003 ${unix} 000607af`));
    expect([call.xid, call.program, call.args.uint()]).toEqual([7, 100_000, 0x0607af]);
    const old = decodeCall(bytes('00000007 00000000 00000001 000186a0'));
    expect(old.refusal).toEqual({ reason: 'rpc-mismatch', low: 2, high: 2 });
    expect(() => decodeCall(bytes('00000007 00000001 00000000'))).toThrow(/kind 1/);
    expect(() => decodeReply(bytes('00000007 00000000 00000000'))).toThrow(/kind 0/);
  });

  it('says malformed, nothing else, to 20,000 random and spoiled messages', () => {
    const random = seededRandom(3);
    const golden = [...Object.values(LXI), ...Object.values(PYVISA)];
    let understoodCalls = 0;
    for (let round = 0; round < 20_000; round++) {
      const message = (golden[random.below(golden.length)] ?? new Uint8Array(0)).slice();
      for (let spoiled = random.below(4); spoiled > 0; spoiled--)
        message[random.below(message.length)] = random.below(256);
      const cut = message.subarray(0, random.below(4) === 0 ? random.below(message.length) : message.length);
      for (const read of [readCall, (one: Uint8Array) => decodeReply(one)]) {
        try {
          if (read(cut)) understoodCalls++;
        } catch (error) {
          if ((error as { code?: string }).code !== 'protocol.malformed') throw error;
        }
      }
    }
    expect(understoodCalls).toBeGreaterThan(1000);
  });

  function readCall(message: Uint8Array): unknown {
    const call = decodeCall(message);
    const procedure = Object.values(CORE_PROCEDURES).find(({ number }) => number === call.procedure);
    return (procedure?.args.read as ((reader: typeof call.args) => unknown) | undefined)?.(call.args) ?? call;
  }
});

describe('portmapper (RFC 1833 3)', () => {
  it('asks for the port of the core channel', () => {
    const question = { program: 0x0607af, version: 1, protocol: 6, port: 0 };
    const call = encodeCall({ xid: 1, ...PORTMAPPER }, PORTMAPPER_PROCEDURES.getPort, question);
    expect(hex(call)).toBe(
      '000000010000000000000002000186a0000000020000000300000000000000000000000000000000' +
        '000607af000000010000000600000000',
    );
    const reply = encodeReply(1, PORTMAPPER_PROCEDURES.getPort.result, 0x1234);
    expect(hex(reply)).toBe('00000001000000010000000000000000000000000000000000001234');
  });

  it('lists its programs, each behind a 1, and takes no endless list', () => {
    const { dump } = PORTMAPPER_PROCEDURES;
    const list = [
      { program: 100_000, version: 2, protocol: 6, port: 111 },
      { program: 395_183, version: 1, protocol: 6, port: 1024 },
    ];
    const reply = encodeReply(1, dump.result, list);
    expect(hex(reply).slice(48)).toBe(
      '00000001000186a000000002000000060000006f' + '00000001000607af000000010000000600000400' + '00000000',
    );
    const read = decodeReply(reply).result;
    expect(read && dump.result.read(read)).toEqual(list);
    const endless = encodeReply(
      1,
      dump.result,
      Array.from({ length: 1025 }, () => list[0] as (typeof list)[0]),
    );
    const reader = decodeReply(endless).result;
    expect(() => reader && dump.result.read(reader)).toThrow(/more than 1024/);
  });
});
