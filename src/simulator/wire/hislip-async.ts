import {
  ERROR,
  FATAL,
  HISLIP,
  HISLIP_VENDOR_TYPES,
  LOCK,
  LOCK_RESPONSE,
  RMT_DELIVERED,
  TLS_RESPONSE,
} from '../../protocol/hislip.ts';
import { decodeHislipSize, encodeHislipSize, type HislipHeader } from '../../protocol/hislip-header.ts';
import type { HislipPipe } from './hislip-pipe.ts';
import { type HislipSession, hislipText } from './hislip-session.ts';

/** Smallest message size a client may ask for: a header and a byte. */
const LEAST_MESSAGE_BYTES = 17;

/** Remote/local requests (IVI-6.1 Table 23) as the instrument sees them. 1 only enables remote: nothing changes until it is addressed. */
const REMOTE_LOCAL = ['local', undefined, 'local', 'remote', 'lockout', 'lockout', 'local'] as const;

/**
 * Serves the asynchronous channel of a session until it ends. A lock that is waited for, and whatever waits for a message on the other channel,
 * holds up nothing else: a device clear must always get through (6.5, 6.12).
 */
export async function serveHislipAsync(session: HislipSession, pipe: HislipPipe): Promise<void> {
  for (let event = await pipe.next(); event; event = await pipe.next()) {
    if (event.kind === 'too-large') await refuse(pipe, ERROR.tooLarge, 'Message too large');
    else if (event.kind === 'piece') await refuse(pipe, ERROR.messageType, 'Data on the asynchronous channel');
    else await take(session, pipe, event.header, event.payload);
  }
}

async function take(
  session: HislipSession,
  pipe: HislipPipe,
  header: HislipHeader,
  payload: Uint8Array,
): Promise<void> {
  switch (header.type) {
    case HISLIP.asyncMaximumMessageSize:
      return takeSize(session, pipe, payload);
    case HISLIP.asyncStartTls:
      return startTls(session, pipe);
    case HISLIP.fatalError:
      return session.close();
    case HISLIP.error:
      return;
  }
  if (session.isRefused && !pipe.isSecure) {
    return session.fail(FATAL.secureConnectionFailed, 'Secure connection required');
  }
  switch (header.type) {
    case HISLIP.asyncLock:
      return takeLock(session, pipe, header, payload);
    case HISLIP.asyncLockInfo: {
      const { isExclusive, holders } = session.locks.info;
      return pipe.send(HISLIP.asyncLockInfoResponse, isExclusive ? 1 : 0, holders);
    }
    case HISLIP.asyncRemoteLocalControl:
      return takeRemoteLocal(session, pipe, header);
    case HISLIP.asyncDeviceClear:
      session.beginClear();
      return pipe.send(HISLIP.asyncDeviceClearAcknowledge, session.features);
    case HISLIP.asyncStatusQuery: {
      const isDelivered = (header.control & RMT_DELIVERED) !== 0;
      return pipe.send(HISLIP.asyncStatusResponse, session.statusByte(header.parameter, isDelivered));
    }
    case HISLIP.getDescriptors:
      if (session.version < 0x0200) break;
      return pipe.send(HISLIP.getDescriptorsResponse);
    case HISLIP.asyncEndTls:
      // Once secure, always secure here.
      if (session.version < 0x0200) break;
      return pipe.send(HISLIP.asyncEndTlsResponse, TLS_RESPONSE.error);
  }
  const isVendor = header.type >= HISLIP_VENDOR_TYPES;
  await refuse(pipe, isVendor ? ERROR.vendorMessage : ERROR.messageType, 'Unrecognized message type');
}

/** 6.10: each says what it takes; no common size is agreed on. */
async function takeSize(session: HislipSession, pipe: HislipPipe, payload: Uint8Array): Promise<void> {
  const size = decodeHislipSize(payload);
  if (size === undefined) return session.fail(FATAL.poorlyFormedHeader, 'AsyncMaximumMessageSize needs 8 bytes');
  session.clientMaxBytes = Math.max(LEAST_MESSAGE_BYTES, size);
  const own = encodeHislipSize(session.options.maxMessageBytes ?? 1024 * 1024);
  await pipe.send(HISLIP.asyncMaximumMessageSizeResponse, 0, 0, own);
}

async function takeLock(
  session: HislipSession,
  pipe: HislipPipe,
  header: HislipHeader,
  payload: Uint8Array,
): Promise<void> {
  const answer = (code: number): Promise<void> => pipe.send(HISLIP.asyncLockResponse, code);
  if (header.control === LOCK.request) {
    const key = hislipText(payload);
    if (key === undefined) return answer(LOCK_RESPONSE.error);
    void session.locks.request(session, key, header.parameter).then((code) => {
      // The client may have gone while it waited.
      if (pipe.isClosed && code === LOCK_RESPONSE.success) session.locks.release(session);
      return answer(code);
    });
  } else if (header.control === LOCK.release) {
    void session.afterMessage(header.parameter).then(() => answer(session.locks.release(session)));
  } else await refuse(pipe, ERROR.controlCode, 'Unrecognized control code');
}

async function takeRemoteLocal(session: HislipSession, pipe: HislipPipe, header: HislipHeader): Promise<void> {
  if (header.control >= REMOTE_LOCAL.length) return refuse(pipe, ERROR.controlCode, 'Unrecognized control code');
  const mode = REMOTE_LOCAL[header.control];
  void session.afterMessage(header.parameter).then(() => {
    if (mode) session.connection.remoteLocal(mode);
    return pipe.send(HISLIP.asyncRemoteLocalResponse);
  });
}

async function startTls(session: HislipSession, pipe: HislipPipe): Promise<void> {
  const { context } = session.sasl;
  if (session.version < 0x0200 || !context || pipe.isSecure) {
    await pipe.send(HISLIP.asyncStartTlsResponse, TLS_RESPONSE.error);
    pipe.goOn();
    return;
  }
  if (session.isBusy) {
    await pipe.send(HISLIP.asyncStartTlsResponse, TLS_RESPONSE.busy);
    pipe.goOn();
    return;
  }
  await pipe.send(HISLIP.asyncStartTlsResponse, TLS_RESPONSE.success);
  await pipe.startTls(context).catch(() => session.fail(FATAL.secureConnectionFailed, 'TLS handshake failed'));
}

function refuse(pipe: HislipPipe, code: number, text: string): Promise<void> {
  return pipe.send(HISLIP.error, code, 0, Buffer.from(text));
}
