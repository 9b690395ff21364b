/** An answer that is meant not to be the recorded one. */
export interface Difference {
  /** Of `requestName`. */
  request: RegExp;
  /** Status there and here; the same number: keys that are not there. */
  there: number;
  here: number;
  reason: string;
}

/**
 * Every answer of our hub that differs from the recorded conversation `rest-fixed.jsonl`, and why. The test fails for a difference that is not here, and for a line
 * here that is none.
 */
export const REST_DIFFERENCES: readonly Difference[] = [
  {
    request: /equipment\/connect/,
    there: 500,
    here: 502,
    reason: 'the reason why nothing answers there, instead of a list of models',
  },
  {
    request: /equipment\/connect/,
    there: 422,
    here: 422,
    reason: 'the place and the reason, without the input itself',
  },
  {
    request: /equipment\/scope\/status/,
    there: 200,
    here: 200,
    reason: 'capabilities are what the bench knows of the instrument',
  },
  { request: /equipment\/ps\/status/, there: 200, here: 200, reason: 'capabilities are numbers, not texts with units' },
  {
    request: /command get_waveform_raw/,
    there: 500,
    here: 200,
    reason: 'an unknown command is success:false, no crash',
  },
  { request: /stream\/configure/, there: 200, here: 501, reason: 'there is nothing to configure' },
  { request: /locks\/events\/ps/, there: 200, here: 200, reason: 'events say who, not which lock' },
  { request: /locks\/release/, there: 403, here: 200, reason: 'who waits in the queue may leave it' },
  { request: /session\/\*\/data/, there: 500, here: 200, reason: 'before the first sample the data are empty' },
  { request: /acquisition\/export/, there: 200, here: 501, reason: 'npy is not offered' },
  { request: /acquisition\/export/, there: 500, here: 501, reason: 'hdf5 is not offered' },
  { request: /alarms\/create/, there: 400, here: 422, reason: 'a wrong word is a request that does not fit' },
  { request: /GET \/api\/alarms\/(events|statistics)$/, there: 404, here: 200, reason: 'they are not shadowed' },
  { request: /alarms\/\*\/clear/, there: 200, here: 409, reason: 'a condition that holds keeps its alarm' },
  { request: /alarms\/\*\/clear/, there: 404, here: 409, reason: 'a condition that holds keeps its alarm' },
  { request: /notifications\/config/, there: 200, here: 501, reason: 'no mail, no messages' },
  { request: /api\/scheduler/, there: 200, here: 501, reason: 'jobs there never run' },
  { request: /diagnostics\/system/, there: 500, here: 200, reason: 'it works' },
  { request: /diagnostics\/(benchmark|report|self-test)/, there: 200, here: 501, reason: 'not offered' },
  { request: /discovery\/info/, there: 200, here: 200, reason: 'settings of a search this one does not have' },
  { request: /profiles\/t1\/apply/, there: 200, here: 401, reason: 'settings are changed under a lock only' },
  { request: /api\/state/, there: 200, here: 501, reason: 'profiles do that' },
  { request: /emergency-stop\/status/, there: 500, here: 200, reason: 'it works before the first stop, too' },
  { request: /api\/websocket/, there: 404, here: 200, reason: 'it is there' },
  { request: /security\/me/, there: 200, here: 401, reason: 'a login that was ended is over' },
];

/** The same of the conversations with sockets. */
export const SOCKET_DIFFERENCES: readonly Difference[] = [
  {
    request: /session\/create/,
    there: 200,
    here: 400,
    reason: 'an acquisition of a channel that is not there is refused',
  },
  { request: /session\/.*\/start/, there: 200, here: 404, reason: 'that acquisition was refused' },
  { request: /session\/.*\/status/, there: 500, here: 404, reason: 'that acquisition was refused' },
  { request: /api\/scheduler/, there: 200, here: 501, reason: 'jobs there never run' },
  {
    request: /equipment\/disconnect\/ps/,
    there: 200,
    here: 409,
    reason: 'it is locked, and the request names no session: only who has the lock disconnects it',
  },
];

/** Types of messages that come here and are not in the recording, and why. */
export const MORE_MESSAGES: Readonly<Record<string, string>> = {
  capabilities: 'one socket serves both protocols',
  stats: 'get_stats is answered by the basic one, too',
  error: 'what cannot be understood or done is said instead of silence, or of a cut connection',
  stream_stopped: 'a detached instrument ends its streams with a word',
  acquisition_stream: 'parsed there as text, for its NaN',
  alarm: 'alarms reach every socket',
  alarm_event: 'alarms reach every socket',
  alarm_updated: 'alarms reach every socket',
  alarm_cleared: 'alarms reach every socket',
  stream_data: 'the server of ws-unified.jsonl starts streams and sends nothing of them',
  discovery_progress: 'searches reach every socket',
};

/** Types of messages whose `data` is our own, and why. */
export const FREE_DATA: Readonly<Record<string, string>> = {
  discovery_progress:
    'a search here goes many ways at once: each says what it is and how much it found, not which VISA query it makes',
};
