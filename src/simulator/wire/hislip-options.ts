import type { MessageDevice } from './message-device.ts';

/** What the server does about TLS and who may use it (IVI-6.1 6.15); HiSLIP 2.0 only. */
export interface HislipSecurity {
  /** PEM. */
  key: string;
  cert: string;
  /** `optional`: whoever asks; `initial`: clients shall begin with it; `mandatory`: nothing else is served without it. */
  encryption: 'optional' | 'initial' | 'mandatory';
  /** SASL mechanisms offered; default ANONYMOUS. */
  mechanisms?: readonly string[] | undefined;
  /** Who PLAIN lets in. With credentials, nothing but the handshake is served before one mechanism succeeded. */
  credentials?: { user: string; password: string } | undefined;
}

export interface HislipServerOptions {
  /** Instruments by sub-address (`hislip0`); an empty sub-address is the first of them. */
  devices: Readonly<Record<string, MessageDevice>>;
  /** Default 127.0.0.1. */
  host?: string | undefined;
  /** Default 4880; 0: any free one. */
  port?: number | undefined;
  /** Highest version spoken; default 2.0. */
  version?: '1.0' | '2.0' | undefined;
  /** Mode asked for at initialisation, and offered at device clear; default synchronized. */
  prefersOverlap?: boolean | undefined;
  /** Whether a client may have the mode it asks for at device clear; default true. */
  grantsMode?: boolean | undefined;
  /** Largest message taken, header included (6.10); default 1 MiB. */
  maxMessageBytes?: number | undefined;
  /** Clients at once; default 16. */
  maxClients?: number | undefined;
  /** How long the release of a lock, or remote/local, waits for the message it names (6.5, 6.7); default 5000. */
  orderWaitMs?: number | undefined;
  /** Two letters of the vendor; default LW. */
  vendorId?: string | undefined;
  security?: HislipSecurity | undefined;
}
