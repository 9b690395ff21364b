/** One piece of a response message, as a message-based way takes it. */
export interface ResponsePart {
  /** Owned by the reader. */
  bytes: Uint8Array;
  /** The response message ends with the last of these bytes (END). */
  end: boolean;
  /** The termination character ended it. */
  isTermChar: boolean;
  /** Number of the program message it answers, as `messageCount` counts them. */
  message: number;
}

export interface PartOptions {
  max: number;
  termChar?: number | undefined;
  /** Aborting leaves the response where it is (a device timeout); rejects with the signal's reason. */
  signal: AbortSignal;
}

/**
 * One client of an instrument over a message-based way (VXI-11, HiSLIP, USBTMC, GPIB): IEEE 488.2 section 6 without the wire.
 * A query sent while an answer waits unread throws that answer away (-410, interrupted); a read with nothing asked is -420 and waits.
 */
export interface MessageConnection {
  /** Program bytes; `end`: END came with the last. Resolves when the instrument has taken them in, not when it has answered. */
  write(bytes: Uint8Array, end: boolean): Promise<void>;
  /** Waits until there is some of a response. One read at a time. */
  read(options: PartOptions): Promise<ResponsePart>;
  /** Some of a response waits to be read (MAV). */
  readonly hasResponse: boolean;
  /** Program messages taken in so far; the newest has this number. */
  readonly messageCount: number;
  /** Called when some of a response has come where none waited. One listener; for ways that send answers unasked (HiSLIP). */
  onResponse(listener: () => void): void;
  /** The client broke the exchange (488.2 6.3.2.3): what waits of answers is thrown away, -410. */
  interrupt(): void;
  /** Device clear: what was sent is forgotten, what would be answered too; a read that waits goes on waiting. */
  clear(): void;
  trigger(): void;
  /** Serial poll: bit 6 is RQS, cleared by it; bit 4 MAV. */
  serialPoll(): number;
  /** Called when RQS rises. One listener. */
  onServiceRequest(listener: () => void): void;
  remoteLocal(mode: 'remote' | 'local' | 'lockout'): void;
  /** The client has gone. */
  closed(): void;
}

/** An instrument as message-based ways see it: several clients share it. */
export interface MessageDevice {
  /** As `*IDN?` says it; for discovery. */
  readonly idn: string;
  connect(cut: () => void): MessageConnection;
}
