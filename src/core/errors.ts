/**
 * One error class. The hierarchy is in the dotted code, because classes do not survive structured clone or JSON.
 * Every code is documented API: the text says in which state the thing that failed is left.
 */
export const ERROR_CODES = {
  'resource.malformed': 'The resource string cannot be read. Nothing was opened.',
  'resource.unsupported': 'The resource string is right, but this way is not available here. Nothing was opened.',
  'transport.refused': 'The other side refused the connection. Nothing is open.',
  'transport.unreachable': 'The host or network cannot be reached. Nothing is open.',
  'transport.not-found': 'No such host, port or device. Nothing is open.',
  'transport.denied': 'The system does not permit opening it. Nothing is open.',
  'transport.busy': 'Another program holds the port. Nothing is open.',
  'transport.timeout': 'No answer in time. The session has quarantined the wire; the next query starts clean.',
  'transport.closed': 'The connection ended. The session is closed or reconnecting.',
  'transport.unsupported': 'This transport has no such control. The transport is unchanged.',
  'transport.failed': 'The system reported an error on the connection. The transport is closed.',
  'protocol.malformed': 'Bytes that break the protocol. The wire is quarantined; the next query starts clean.',
  'protocol.too-long':
    'More bytes than the limit without an end. The wire is quarantined; the next query starts clean.',
  'instrument.rejected': 'The instrument put an error into its queue. Its state is as read back.',
  'instrument.mismatch': 'A different instrument answers at this address. It is not attached.',
  'instrument.unknown': 'No instrument of that id is attached.',
  'instrument.silent': 'Something accepts the connection but answers nothing. It is not attached.',
  'instrument.detached': 'The instrument is attached no more. What was queued was not sent.',
  'instrument.busy': 'The queue of the instrument is full. The command was not sent.',
  'instrument.locked': 'Somebody else has the instrument for themselves. Nothing was sent.',
  'lock.unknown': 'There is no such lock any more. Nothing was changed.',
  'driver.malformed': 'The definition file of an instrument family cannot be used. The one before it stays in force.',
  'driver.unsupported': 'This family or instrument cannot do that. Nothing was sent.',
  'discovery.unavailable': 'This way of looking for instruments is not available here. The others go on.',
  'channel.unknown': 'No channel of that name exists.',
  'safety.refused': 'Outputs off came first, or the safety limits of the bench forbid it. Nothing was sent.',
  'safety.unconfirmed': 'The read-back after a safety command does not say what it should. Treat the output as on.',
  'recording.disk-full': 'The disk is full. The recording ended; everything so far is intact.',
  'recording.folder-gone':
    'The folder of the recording is gone. The recording ended; the open file may still be complete.',
  'recording.denied': 'The folder may not be written. Nothing was recorded.',
  'recording.overrun': 'The disk cannot keep up. The recording ended; everything so far is intact.',
  'recording.failed':
    'The system reported an error on the file. The recording ended; everything flushed so far is intact.',
  'recording.foreign': 'The file is no Labwire recording. It was not changed.',
  'recording.truncated': 'The file ends too early. Everything before the cut is readable.',
  'recording.malformed': 'Part of the file cannot be read. It was not changed.',
  'recording.packed': 'Part of the file is packed in a way that cannot be unpacked here. It was not changed.',
  'recording.unknown': 'No recording of that id exists.',
  'recording.running': 'A recording is running already. It goes on.',
  'recording.idle': 'No recording is running.',
  'recording.empty': 'Nothing to record: no stream is attached. No file was made.',
  'recording.session-known': 'A session of that name is recorded already. It goes on.',
  'recording.session-unknown': 'No session of that name is recorded.',
  'recording.fixed': 'The recording cannot be changed now. It is as it was.',
  'flight.unavailable': 'The flight recorder holds nothing of that time. Nothing was saved.',
  'hub.expired': 'The login has run out. Nothing was done; log in again or use a token that is valid.',
  'hub.forbidden': 'This user may not do that. Nothing was done.',
  'hub.insecure': 'Sharing beyond this machine needs TLS and a login. Nothing is shared.',
  'hub.malformed': 'A request of another client cannot be read. Nothing was done.',
  'hub.no-equipment': 'There is no such equipment on this bench. Nothing was done.',
  'hub.no-stream': 'There is no such stream now. Nothing is sent of it until it is there.',
  'hub.no-address': 'The address to share the bench on is none of this machine. Nothing is shared.',
  'hub.port-in-use': 'The port to share the bench on is taken. Nothing is shared.',
  'hub.rate-limited': 'Too many requests at once. This one was not carried out; wait, then try again.',
  'hub.storage': 'The users and tokens of the hub cannot be read or kept. Nothing was changed.',
  'hub.throttled': 'Too many failed logins. Nothing was done; wait, then try again.',
  'hub.unauthenticated': 'A login or a valid token is needed. Nothing was done.',
  'hub.busy': 'The hub has as much to do as it takes on. Nothing was done; it can be tried again.',
  'hub.key-unknown': 'The hub has no API key of that id. Nothing was changed.',
  'hub.last-admin': 'It is the only admin of the hub. Nothing was changed.',
  'hub.mfa-required': 'The login needs a one-time code as well. Nobody is logged in.',
  'hub.user-known': 'The hub has a user of that name already. Nothing was changed.',
  'hub.user-unknown': 'The hub has no user of that name. Nothing was changed.',
  'hub.unknown': 'The hub keeps nothing of that name. Nothing was done.',
  'hub.conflict': 'That does not go with what is there. Nothing was changed.',
  'hub.unsupported': 'This bench does not offer that. Nothing was done.',
  'hub.unavailable': 'What is asked for is not there now. Nothing was done; it can be tried again.',
  'hub.weak-password': 'The password is too short, too long or too plain. Nothing was changed.',
  'import.failed': 'The file cannot be imported. It was not changed, and no recording was made.',
  'replay.unknown': 'No replay of that id is open.',
  'upload.failed': 'The server did not take the file. It stays in the queue and here.',
  'upload.unverified': 'What the server gives back is not what was sent. It is sent again; the file here is whole.',
  'upload.unknown': 'No upload of that id is in the queue.',
  'math.malformed': 'The expression cannot be read. The channels are as they were.',
  'sweep.running': 'That sweep, or another of the same control, runs already. It goes on.',
  'export.unsupported': 'That format cannot hold what was chosen. Nothing was written.',
  'export.failed': 'The export ended early. The unfinished file was removed.',
  'bench.from-future': 'The bench file was written by a newer Labwire. It was not changed and not opened.',
  'bench.malformed': 'The bench file cannot be read. It was not changed and not opened.',
  'bench.unwritable': 'The bench file cannot be written. The bench in memory is unchanged and unsaved.',
  'bench.not-found': 'No bench file there. The bench in memory is unchanged.',
  'settings.unwritable': 'The settings cannot be written. They are as they were.',
  'simulator.unavailable': 'The simulated bench cannot be started here.',
  'simulator.failed': 'The simulated bench ended or refused. Its instruments are gone.',
  'server.unreachable': 'The lab server cannot be reached. What it had delivered stays; the client tries again.',
  'server.refused': 'The lab server refused the connection or the request. Nothing was changed there.',
  'server.unauthorized': 'The lab server wants a login, or the one given ended. Nothing was changed there.',
  'server.mfa-required': 'The lab server wants a one-time code with the login. Nothing was changed there.',
  'server.denied': 'The lab server does not allow that to this login. Nothing was changed there.',
  'server.busy': 'Somebody else holds the lock, or a limit of the lab server is reached. Nothing was changed there.',
  'server.rejected': 'The lab server answered that it did not do it. The state there is as read back.',
  'server.timeout': 'No answer of the lab server in time. Whether it was carried out is not known; read the state.',
  'server.closed': 'The connection to the lab server ended. The client reconnects or is closed.',
  'server.malformed': 'The lab server sent what no dialect has. It was counted and left out.',
  'server.unsupported': 'This lab server does not offer that. Nothing was sent.',
  'server.unknown': 'No lab server of that id is on the bench.',
  'share.off': 'The bench is not shared: no hub runs. Nothing was changed.',
  'share.taken': 'A hub serves this bench already. It goes on.',
  'share.gone': 'The hub did not answer. Whether it was carried out is not known; ask again for the list.',
  'share.failed': 'The hub cannot be started, or ended. The bench goes on, and is not shared.',
  'alarm.unknown': 'No alarm rule of that id exists.',
  'engine.folder-in-use': 'Another engine owns this data folder. Nothing was changed.',
  'engine.folder-unusable': 'The data folder cannot be made or written. Nothing was started.',
  'engine.port-in-use': 'The port is taken by another program. Nothing is served.',
  'engine.gone': 'The engine ended. It is restarted by its host.',
  'engine.not-built': 'The built files are missing.',
  'call.invalid': 'The call does not fit the contract. Nothing was done.',
  'call.expired': 'Its deadline passed while it waited. It was never begun, and nothing was sent.',
  'call.unknown': 'Whether the call was carried out is not known; read the state.',
  'call.cancelled': 'Cancelled on request.',
  'call.denied': 'This screen may not do that. Nothing was done.',
  'call.limit': 'A limit of the engine is reached. Nothing was done.',
  'link.closed': 'The link to the engine is closed. The screen reconnects by itself.',
  'link.version': 'Screen and engine speak different contract versions. Nothing was done.',
  'link.malformed': 'The other side speaks no contract. The link is closed.',
  'internal.failed': 'A fault of Labwire. The state is unknown; read it again.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** What of an error goes over a link or into a file. */
export interface ErrorRecord {
  code: ErrorCode;
  message: string;
  details?: Record<string, unknown>;
}

/**
 * The error of every floor. `message` is for the person: what happened, what it means for the measurement, what to do.
 * `details` holds plain JSON values only.
 */
export class LabError extends Error {
  readonly code: ErrorCode;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'LabError';
    this.code = code;
    this.details = details;
  }

  /** True for cancellation, which is never shown as a failure. */
  get isCancelled(): boolean {
    return this.code === 'call.cancelled';
  }

  toJSON(): ErrorRecord {
    return { code: this.code, message: this.message, details: this.details };
  }

  /** Any throw as a LabError; what is not ours becomes `internal.failed` with its message kept as cause. */
  static from(thrown: unknown): LabError {
    if (thrown instanceof LabError) return thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    if (thrown instanceof Error && thrown.name === 'AbortError') {
      return new LabError('call.cancelled', 'Cancelled.', {}, { cause: thrown });
    }
    return new LabError(
      'internal.failed',
      `Labwire made a mistake (${text}). Read the state again; if it stays, restart the engine and report it.`,
      {},
      { cause: thrown },
    );
  }

  /** A record from a link or file as an error again. An unknown code (of a newer version) becomes `internal.failed`. */
  static fromRecord(record: {
    code: string;
    message: string;
    details?: Record<string, unknown> | undefined;
  }): LabError {
    if (isErrorCode(record.code)) return new LabError(record.code, record.message, record.details ?? {});
    return new LabError('internal.failed', record.message, { ...record.details, code: record.code });
  }
}

/** Whether a text is one of our codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}
