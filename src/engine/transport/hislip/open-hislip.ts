import { LabError } from '../../../core/errors.ts';
import { FATAL, FEATURE, HISLIP, HISLIP_1_0, HISLIP_2_0, SECURE_CAPABLE } from '../../../protocol/hislip.ts';
import { decodeHislipSize, encodeHislipSize, HISLIP_HEADER_BYTES } from '../../../protocol/hislip-header.ts';
import type { Transport } from '../transport.ts';
import { connectChannel } from './connect-channel.ts';
import type { HislipChannel } from './hislip-channel.ts';
import type { HislipOptions, HislipTarget } from './hislip-options.ts';
import { secureHislip } from './hislip-security.ts';
import { HislipTransport } from './hislip-transport.ts';
import { closedBy, oddAnswer } from './hislip-words.ts';

/** `LW`: no registered vendor, which the field allows (IVI-6.1 6.1). */
const VENDOR_ID = 0x4c57;

interface Initialized {
  sync: HislipChannel;
  version: number;
  session: number;
  features: number;
}

/**
 * Opens an instrument over HiSLIP: both channels (6.1), TLS and authentication where the instrument wants them (6.15), message sizes (6.10).
 * Offers version 2.0 and takes what the instrument answers.
 *
 * Throws `transport.refused`, `.not-found`, `.unreachable`, `.timeout`, `.denied` (certificate, credentials), `.busy` (too many clients), `.unsupported`,
 * `.failed`, or the cancellation of the signal; nothing stays open then.
 */
export async function openHislip(target: HislipTarget, options: HislipOptions = {}): Promise<Transport> {
  const first = await initialize(target, options);
  const open: HislipChannel[] = [first.sync];
  try {
    const async = await connectChannel(target, options);
    open.push(async);
    return await establish(target, options, first, async);
  } catch (error) {
    const reason = closedBy(target.resource, 'The connection was not opened');
    await Promise.all(open.map((channel) => channel.close(reason)));
    throw error;
  }
}

async function establish(
  target: HislipTarget,
  options: HislipOptions,
  first: Initialized,
  async: HislipChannel,
): Promise<Transport> {
  const { signal, tls, maxMessageBytes = 256 * 1024 * 1024, mode } = options;
  const { sync, version, session, features } = first;
  const joined = await async.ask(
    HISLIP.asyncInitialize,
    HISLIP.asyncInitializeResponse,
    { parameter: session },
    signal,
  );
  const canSecure = version >= HISLIP_2_0 && (joined.header.control & SECURE_CAPABLE) !== 0;
  const mustSecure =
    version >= HISLIP_2_0 && (features & (FEATURE.initialEncryption | FEATURE.encryptionMandatory)) !== 0;
  if (tls?.isRequired && !canSecure && !mustSecure) {
    const text = `${target.resource} cannot make a secure connection, and one is required here. Nothing is open. Switch it on at the instrument, or do without it in a network you trust.`;
    throw new LabError('transport.unsupported', text, { resource: target.resource });
  }
  if (mustSecure || tls?.isRequired) await secureHislip(target, sync, async, options);
  const size = { payload: encodeHislipSize(maxMessageBytes) };
  const sized = await async.ask(HISLIP.asyncMaximumMessageSize, HISLIP.asyncMaximumMessageSizeResponse, size, signal);
  const serverMaxBytes = decodeHislipSize(sized.payload) ?? 0;
  if (serverMaxBytes <= HISLIP_HEADER_BYTES)
    throw oddAnswer(target.resource, `it takes messages of ${serverMaxBytes} bytes at most`);
  const isOverlap = (features & FEATURE.overlap) !== 0;
  const transport = new HislipTransport({ resource: target.resource, sync, async, isOverlap, serverMaxBytes, options });
  if (mode !== undefined && transport.isOverlap !== (mode === 'overlap')) await transport.setMode(mode, signal);
  return transport;
}

/** A server that does not know 2.0 answers with what it knows; one that ends the connection over it is asked again, for 1.0. */
async function initialize(target: HislipTarget, options: HislipOptions): Promise<Initialized> {
  const version = options.version === '1.0' ? HISLIP_1_0 : HISLIP_2_0;
  try {
    return await initializeAs(version, target, options);
  } catch (error) {
    const code = error instanceof LabError ? error.details.fatalError : undefined;
    const isVersion =
      version !== HISLIP_1_0 && (code === FATAL.poorlyFormedHeader || code === FATAL.invalidInitialization);
    if (!isVersion) throw error;
    return await initializeAs(HISLIP_1_0, target, options);
  }
}

async function initializeAs(version: number, target: HislipTarget, options: HislipOptions): Promise<Initialized> {
  const sync = await connectChannel(target, options);
  try {
    const message = { parameter: version * 0x1_0000 + VENDOR_ID, payload: new TextEncoder().encode(target.device) };
    const { header } = await sync.ask(HISLIP.initialize, HISLIP.initializeResponse, message, options.signal);
    const agreed = header.parameter >>> 16;
    if (agreed < HISLIP_1_0 || agreed > version)
      throw oddAnswer(target.resource, `it answers with version ${agreed >> 8}.${agreed & 255}`);
    return { sync, version: agreed, session: header.parameter & 0xffff, features: header.control };
  } catch (error) {
    await sync.close(closedBy(target.resource, 'The connection was not opened'));
    throw error;
  }
}
