/**
 * HiSLIP, IVI-6.1 revision 2.0 (and 1.0, 1.1, whose messages are a subset): numbers on the wire. Clauses and tables are cited by their numbers
 * in revision 2.0.
 */

/** IVI-6.1 Table 4. Types 9 (DeviceClearAcknowledge) is called asynchronous there; clause 6.12 step 7 sends it on the synchronous channel. */
export const HISLIP = {
  initialize: 0,
  initializeResponse: 1,
  fatalError: 2,
  error: 3,
  asyncLock: 4,
  asyncLockResponse: 5,
  data: 6,
  dataEnd: 7,
  deviceClearComplete: 8,
  deviceClearAcknowledge: 9,
  asyncRemoteLocalControl: 10,
  asyncRemoteLocalResponse: 11,
  trigger: 12,
  interrupted: 13,
  asyncInterrupted: 14,
  asyncMaximumMessageSize: 15,
  asyncMaximumMessageSizeResponse: 16,
  asyncInitialize: 17,
  asyncInitializeResponse: 18,
  asyncDeviceClear: 19,
  asyncServiceRequest: 20,
  asyncStatusQuery: 21,
  asyncStatusResponse: 22,
  asyncDeviceClearAcknowledge: 23,
  asyncLockInfo: 24,
  asyncLockInfoResponse: 25,
  getDescriptors: 26,
  getDescriptorsResponse: 27,
  startTls: 28,
  asyncStartTls: 29,
  asyncStartTlsResponse: 30,
  endTls: 31,
  asyncEndTls: 32,
  asyncEndTlsResponse: 33,
  getSaslMechanismList: 34,
  getSaslMechanismListResponse: 35,
  authenticationStart: 36,
  authenticationExchange: 37,
  authenticationResult: 38,
} as const;

/** From here to 255 a vendor's own. */
export const HISLIP_VENDOR_TYPES = 128;

/** Version numbers as they stand in messages: major << 8 | minor. */
export const HISLIP_1_0 = 0x0100;
export const HISLIP_2_0 = 0x0200;

/** Control code of Data, DataEND, Trigger, AsyncStatusQuery, AsyncStartTLS (3.1.1): the first since a whole response was given to the application. */
export const RMT_DELIVERED = 1;

/** Control code of InitializeResponse (Table 12) and of the device clear messages (Table 31). */
export const FEATURE = { overlap: 1, encryptionMandatory: 2, initialEncryption: 4 } as const;

/** Control code of AsyncInitializeResponse: the server can go secure. */
export const SECURE_CAPABLE = 1;

/** Control codes of AsyncLock and its answer (Tables 19 and 20). `error`: released without having it, or asked for what is held already. */
export const LOCK = { release: 0, request: 1 } as const;
export const LOCK_RESPONSE = { failure: 0, success: 1, sharedReleased: 2, error: 3 } as const;

/** Control codes of AsyncStartTLSResponse and AsyncEndTLSResponse (6.15). */
export const TLS_RESPONSE = { busy: 0, success: 1, error: 3 } as const;

/** Control code of AuthenticationResult (2.4, Table 3). */
export const AUTHENTICATION = { failed: 1, success: 2 } as const;

/** IVI-6.1 Table 14; 128 and above are the device's own. */
export const FATAL_ERRORS = [
  'an error it does not explain',
  'a message header it cannot read',
  'a message before both channels were set up',
  'an invalid initialisation sequence',
  'more clients than it serves',
  'a secure connection that could not be made',
] as const;
export const FATAL = {
  unidentified: 0,
  poorlyFormedHeader: 1,
  channelsNotEstablished: 2,
  invalidInitialization: 3,
  maximumClients: 4,
  secureConnectionFailed: 5,
} as const;

/** IVI-6.1 Table 16; 128 and above are the device's own. */
export const ERRORS = [
  'an error it does not explain',
  'a message type it does not know',
  'a control code it does not know',
  "a vendor's message it does not know",
  'a message too large for it',
  'an authentication it refuses',
] as const;
export const ERROR = {
  unidentified: 0,
  messageType: 1,
  controlCode: 2,
  vendorMessage: 3,
  tooLarge: 4,
  authentication: 5,
} as const;

/** Longest sub-address and lock key, in bytes (6.1, 6.5). */
export const HISLIP_TEXT_BYTES = 256;
