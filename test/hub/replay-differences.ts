import type { WantedDifference } from './replay-judge.ts';

/**
 * Everything in which our hub does not answer as the recorded NeuroGraph, and why. A test fails for a difference that is not here, and for a line here that is
 * none.
 */
export const NEUROGRAPH_DIFFERENCES: readonly WantedDifference[] = [
  {
    in: /^002-(?!v0601-auth)/,
    what: /: timestamp: time without a zone there, time in UTC here$/,
    reason: 'a time without a zone cannot be placed',
  },
  { in: /^002-(?!v0601-auth)/, what: /^\S+ → connected: role is more$/, reason: 'a client need not guess what it may' },
  {
    in: /anonymous|ratelimit|v0601-reconnect/,
    what: / → error: (detail|error|code|recoverable|timestamp) is more$/,
    reason: 'an error of the hub says the same to the clients of every server',
  },
  {
    in: /anonymous/,
    what: /^subscribe → subscribed: channels: \[\] there, \["metrics"\] here$/,
    reason: 'a single `channel`, which its own page sends, is taken for a list of one',
  },
  {
    in: /^002-anonymous/,
    what: /^get_subscriptions → subscriptions: channels: \["status","metrics"\] there, \["metrics","status"\] here$/,
    reason: 'a set there; here in the order they were asked for',
  },
  { in: /anonymous/, what: /^pong: error there, nothing here$/, reason: 'it answers the ping of the hub' },
  {
    in: /anonymous/,
    what: /^set_compression(: error there, compression_set here| → error: (type: .*|message is missing|(compression|timestamp) is more))$/,
    reason: 'packed events are there on request',
  },
  {
    in: /anonymous/,
    what: /^(\[1,2\]|42) → error: message: "Error processing message: '(list|int)' object has no attribute 'get'" there, "Error processing message: it is no object" here$/,
    reason: 'what is wrong with the message, not with the program that reads it',
  },
  {
    in: /v0601-anonymous/,
    what: /^\{"no": "type"\} → error: message: "Unknown message type: None" there, "Unknown message type: unknown" here$/,
    reason: 'as 1.0.0 says it',
  },
  {
    in: /anonymous|heartbeat/,
    what: /^event of metrics: data\.(cpu_percent|memory_mb|events_per_sec): null there, number here$/,
    reason: 'they are measured',
  },
  {
    in: /anonymous|heartbeat/,
    what: /^event of metrics: data\.total_streams is more$/,
    reason: 'the hub has streams',
  },
  {
    in: /binary/,
    what: /^(binary: nothing there, error here|close: without a close frame there, open here)$/,
    reason: 'a binary message is answered; there it cut the connection',
  },
  {
    in: /auth/,
    what: /^POST \/api\/v1\/auth\/login: scopes: \["tokens:read".*\] there, \["(admin|developer)"\] here$/,
    reason: 'the role is the scope: what stands first there is no role, and denies everything',
  },
  {
    in: /^002-auth/,
    what: /^subscribe → subscribed: (channels: \[\] there, \["metrics","signals"(,"connections")?\] here|(denied|message) (is missing|: .*)|(denied|message): .* here)$/,
    reason: 'who has logged in has the channels of its role',
  },
  {
    in: /auth/,
    what: /^handshake [\w -:]+: body: \{"detail":"The token is missing, unknown or has run out\."\}$/,
    reason: 'a refusal says why',
  },
  {
    in: /^002-auth/,
    what: /^handshake role (anonymous|tokens:read): status: 101 there, 403 here$/,
    reason: 'no token is made for nobody, or for what is no role; one that says so was not made here',
  },
  {
    in: /^002-v0601-(auth|reconnect)/,
    what: /^handshake (login|role|first).*: status: 403 there, 101 here$/,
    reason: 'a good token is taken; 0.60.1 refuses every one',
  },
  {
    in: /reconnect/,
    what: /^POST \/api\/v1\/websocket\/broadcast: status: 200 there, 403 here$/,
    reason: 'nobody sends to others without a login',
  },
  {
    in: /reconnect/,
    what: /^open → connected: reason is more$/,
    reason: 'it says why a session did not come back',
  },
  {
    in: /^002-reconnect/,
    what: /^open → connected: (user_id: "developer" there, null here|reconnected: true there, false here)$/,
    reason: 'the token alone is no login: whoever read it over a shoulder would be that user',
  },
  {
    in: /^002-reconnect/,
    what: /^(get_subscriptions → subscriptions: channels: \["signals","logs"\] there, \[\] here|get_reconnection_token: reconnection_token there, error here|get_reconnection_token → reconnection_token: .*|event of signals: 1 there, 0 here)$/,
    reason: 'so that session did not come back; with its login it does (neurograph.test.ts, 262 to 268)',
  },
  {
    in: /ratelimit/,
    what: /^GET \/api\/v1\/metrics: status: 401 there, 200 here$/,
    reason: 'on loopback who has no login may look, where the settings say so',
  },
];

/** The same of the recorded power meter. */
export const POWER_METER_DIFFERENCES: readonly WantedDifference[] = [
  {
    in: /^001-(?!power-normal|power-params|power-client)/,
    what: /: timestamp: time without a zone there, time in UTC here$/,
    reason: 'a time without a zone cannot be placed',
  },
  {
    in: /^001-(?!health|power-send)/,
    what: /: (wavelength_nm|spectral_unit|resolution_pm): (number|text) there, null here$/,
    reason: 'no instrument of a bench says at which wavelength it measures',
  },
  {
    in: /^001-(?!health|power-send)/,
    what: /: ch[234]_power: number there, null here$/,
    reason: 'an instrument with fewer channels of one unit has null for the others',
  },
  {
    in: /params/,
    what: /^handshake \S+: body: \{"detail":"(module must be a whole number from 1 to 20|interval must be from 0\.01 to 10 s)\."\}$/,
    reason: 'a refusal says which field is wrong',
  },
  {
    in: /client-sends/,
    what: /^in all: 4 there, 1[45] here$/,
    reason: 'the values go on after the client has sent something; there they end',
  },
  { in: /send-then-idle/, what: /^close: 1011 there, open here$/, reason: 'nothing is cut for what a client sent' },
  {
    in: /send-then-idle/,
    what: /^first: heartbeat there, data here$/,
    reason: 'the recording leaves out all values',
  },
  {
    in: /hardware-lost/,
    what: /^POST \/connection\/disconnect: message: "Disconnected successfully" there, "Disconnected from [^"]+" here$/,
    reason: 'it says from what',
  },
  {
    in: /hardware-lost/,
    what: /^(error: 10 there, [1-3] here|in all: 1[17] there, \d here)$/,
    reason: 'errors come once a second at most, whatever the interval',
  },
  {
    in: /hardware-lost/,
    what: /^(reconnect: 1 there, 0 here|close: without a close frame there, open here)$/,
    reason: 'an instrument that is away costs no connection, however long',
  },
  {
    in: /hardware-lost/,
    what: /^error: message: "Hardware temporarily unavailable" there, "No instrument is in module 4\." here$/,
    reason: 'it says what is wrong',
  },
  {
    in: /hardware-lost/,
    what: /^GET \/detector\/snapshot: detail: "Not connected to CTP10\. .*" there, "Not connected: no instrument is in module 4, or it has not measured yet\." here$/,
    reason: 'it says which module',
  },
  {
    in: /hardware-lost/,
    what: /^(error|GET \/detector\/snapshot): (detail|error|message|code) is more$/,
    reason: 'an error of the hub says the same to the clients of every server',
  },
  {
    in: /hardware-lost/,
    what: /^POST \/connection\/connect FAIL: status: 500 there, 400 here$/,
    reason: 'an address that is none is the fault of who asks',
  },
  {
    in: /rest/,
    what: /^GET \/: status: 200 there, 404 here$/,
    reason: 'the root is for the page of ports that have one',
  },
  { in: /rest/, what: /^GET \/health: connected_devices is more$/, reason: 'clients of LabLink ask there, too' },
  {
    in: /rest/,
    what: /^(GET|POST) \/(tls|rlaser|measurement|detector\/(wavelength|reference|stabilization))\/?\S*: status: (200|422|500) there, 501 here$/,
    reason: 'no instrument of a bench has a laser, a sweep or a reference of that kind',
  },
  {
    in: /rest/,
    what: /^POST \/detector\/config\S+: status: 200 there, 501 here$/,
    reason: 'nor settings like these: nothing is taken that is not done',
  },
];

/** The same of four recorded clients of LabLink at once. */
export const LABLINK_MULTI_DIFFERENCES: readonly WantedDifference[] = [
  {
    in: /multi/,
    what: /^B before it asks: 9 there, 0 here$/,
    reason: 'a stream is for who asked for it; there everybody gets it, at the rate of who asked last',
  },
  {
    in: /multi/,
    what: /^A \{"type":"start_stream"(,"interval_ms":("fast"|-5))?\}: (type: "stream_started" there, "error" here|(equipment_id|stream_type) is missing|(detail|error|message|code|recoverable|timestamp|re) is more)$/,
    reason: 'an interval that is none, and a stream of nothing, are refused; there they fill the line, or do nothing',
  },
  {
    in: /multi/,
    what: /^(A binary|C \[1,2\]): 0 answers there, 1 here$/,
    reason: 'what cannot be understood is said',
  },
  { in: /multi/, what: /^[AC] closed: 1006 there, open here$/, reason: 'and the connection stays' },
  {
    in: /multi/,
    what: /^B \{"type":"stop_stream"\}: 2 answers there, 1 here$/,
    reason: 'the recording leaves out a ping, and has its pong',
  },
  {
    in: /multi/,
    what: /^data: (data\.timestamp: time without a zone there, time in UTC here|timestamp is more)$/,
    reason: 'a time without a zone cannot be placed; the enhanced protocol has the time of sending, too',
  },
];
