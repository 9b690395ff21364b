import type { Clock } from '../../core/clock.ts';
import type { Role } from '../../core/instrument.ts';

/** The five on the one circuit. */
export type BenchName = 'supply' | 'meter' | 'scope' | 'load' | 'daq';

export interface BenchOptions {
  /** Of all noise and all faults; default 1. */
  seed?: number | undefined;
  /** TCP ports by instrument, of the first way of each; 0 or absent: any free one. */
  ports?: Partial<Record<BenchName, number>> | undefined;
  /** Pseudo-terminals where the system has them; false: TCP for all. Default true. */
  usePtys?: boolean | undefined;
  /** Folder to record in what was really sent; absent: not recorded. */
  ledgerDir?: string | undefined;
  /** Bytes a streaming connection of the DAQ buffers before rows are dropped; default 8 MiB. */
  sendBufferBytes?: number | undefined;
  /**
   * `plain`: the five, each on a socket or a serial line. `all`: those on a socket by VXI-11, HiSLIP and raw SCPI too, and instruments behind a GPIB adapter, on
   * USB/IP and on Modbus. Default plain; the process of the bench starts all.
   */
  ways?: 'all' | 'plain' | undefined;
  /** Instruments made of definition files, by family (`rigol-dl3000`) or by a model that is known beside them (`hp-34401a`). */
  families?: readonly string[] | undefined;
  /** Tells this machine of the LAN instruments by mDNS, as LXI instruments do. Default false. */
  announce?: boolean | undefined;
  /** `own`: each host of the bench has its own 127.0.0.N and the real ports, where the system has and gives them. `shared`: 127.0.0.1 and free ports. Default own. */
  addresses?: 'own' | 'shared' | undefined;
  clock?: Clock | undefined;
}

/** A row of the bench: one instrument and the ways to it. */
export interface BenchInstrument {
  /** A `BenchName`, or of the further ones a name of its own. */
  name: string;
  role: Role;
  idn: string;
  /** VISA resource strings. */
  resources: string[];
  /** Why a way that belongs to it is missing or elsewhere. */
  reason?: string;
}
