/** Whom the secure connection trusts, and who we are (HiSLIP 2.0). Default: the certificates the system trusts, the name that was asked for. */
export interface HislipTlsOptions {
  /** Goes secure whenever the instrument can, and refuses one that cannot; default: when the instrument wants it. */
  isRequired?: boolean | undefined;
  /** PEM of certificates to trust instead of the system's. */
  ca?: string | readonly string[] | undefined;
  /** SHA-256 of the instrument's certificate, hex with or without colons: this one and no other, whoever signed it. */
  pinSha256?: string | undefined;
  /** false: takes any certificate. The wire is encrypted, but who is at its other end is not known. */
  rejectUnauthorized?: boolean | undefined;
  /** Name the certificate must be for; default the host of the resource. */
  serverName?: string | undefined;
  /** For SASL PLAIN; without them ANONYMOUS. Sent over TLS only. */
  credentials?: { user: string; password: string } | undefined;
}

export interface HislipOptions {
  /** Longest wait for each of the two connections; default 5000. */
  connectTimeoutMs?: number | undefined;
  /** Longest wait for an answer while opening, and on the asynchronous channel; default 10,000. */
  answerTimeoutMs?: number | undefined;
  /** Longest device clear before the connection is given up; default 60,000 (IVI-6.1 6.12: be generous). */
  clearTimeoutMs?: number | undefined;
  /** Unread bytes held before the synchronous channel is paused; default 1 MiB. */
  bufferBytes?: number | undefined;
  /** Largest message the instrument may send, header included; default 256 MiB. It comes in pieces, so it costs no memory. */
  maxMessageBytes?: number | undefined;
  /** Highest version offered; default 2.0. */
  version?: '1.0' | '2.0' | undefined;
  /** Default: the mode the instrument prefers. Another one is asked for by a device clear, right after opening. */
  mode?: 'synchronized' | 'overlap' | undefined;
  /** Silence after which the system probes the other side; default 15,000. */
  keepAliveMs?: number | undefined;
  tls?: HislipTlsOptions | undefined;
  signal?: AbortSignal | undefined;
}

/** Where the instrument is: host and port of both channels, and its sub-address. */
export interface HislipTarget {
  host: string;
  port: number;
  device: string;
  /** Canonical resource string, for messages. */
  resource: string;
}
