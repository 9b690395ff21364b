import type { DialectName, LabServer, LabServerOptions } from './lab-server.ts';
import type { LabPorts } from './ports.ts';

/** What a GET of the server said. */
export interface ProbeAnswer {
  status: number;
  /** Undefined where the body is no JSON. */
  json: unknown;
  headers: Readonly<Record<string, string>>;
}

/** The first words of a socket: what subprotocol it chose and its first text, if one came soon. */
export interface ProbeGreeting {
  protocol: string;
  text: string | undefined;
  refusal: number | undefined;
}

/** Looks at a server without changing anything there. Each question is asked once, whoever wants to know. */
export interface ServerProbe {
  /** Throws server.unreachable, server.timeout. */
  get(path: string): Promise<ProbeAnswer>;
  /** The path with its parameters. Never sends a byte. Throws server.unreachable. */
  greet(path: string, protocols: readonly string[]): Promise<ProbeGreeting>;
}

/** A dialect as it is found out and opened. */
export interface Dialect {
  readonly names: readonly DialectName[];
  /** Which of its names the server speaks; undefined: none. */
  recognizes(probe: ServerProbe, options: LabServerOptions): Promise<DialectName | undefined>;
  /** No I/O that must succeed: the link mends itself. Throws call.invalid for options it cannot use. */
  open(ports: LabPorts, options: LabServerOptions, name: DialectName): Promise<LabServer>;
}
