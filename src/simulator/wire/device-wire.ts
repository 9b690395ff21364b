/** The instrument's end of a connection. */
export interface DeviceWire {
  /** Resolves when the system has taken the bytes (or the other side is gone: an instrument does not care). */
  send(bytes: Uint8Array): Promise<void>;
  /** Bytes sent but not yet taken. */
  readonly pendingBytes: number;
  /** Cuts the connection. */
  cut(): void;
  /** The last bytes ended a reply; for wires that show where messages end. */
  replyEnds?(): void;
}

/** What an instrument makes of one connection. `receive` calls never overlap: until it resolves, the wire is not read on. */
export interface DeviceConnection {
  receive(bytes: Uint8Array): Promise<void>;
  closed(): void;
}

/** An instrument as its wires see it: anybody may connect. */
export type Accept = (wire: DeviceWire) => DeviceConnection;
