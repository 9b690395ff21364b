import { isDeepStrictEqual } from 'node:util';
import type { AttachOptions } from '../../contract/discovery-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Identity } from '../../core/instrument.ts';
import { parseResource } from '../../core/resource.ts';
import { Scope } from '../../core/scope.ts';
import { looksLikeIdentity, parseIdentity } from '../../protocol/idn.ts';
import type { Driver, DriverFamily } from '../driver/driver.ts';
import { openSession } from '../session/open-session.ts';
import type { Session } from '../session/session.ts';
import type { SessionOptions } from '../session/session-options.ts';
import { openTransport } from '../transport/open-transport.ts';
import { answeredLine, linkSettings } from './link-settings.ts';

/** An instrument reached: session, identity and driver, owned together. */
export interface InstrumentLink extends AsyncDisposable {
  readonly session: Session;
  readonly identity: Identity;
  readonly driver: Driver;
  /** Name of the family that speaks to it. */
  readonly family: string;
}

export interface LinkPlace {
  clock: Clock;
  timeoutMs: number;
  /** Patience of Outputs off for each step; default 1000. */
  outputsOffStepMs?: number | undefined;
  /** The family of an identity. */
  choose(identity: Identity): DriverFamily;
  /** The family of a name; throws `driver.unsupported`. */
  named(name: string): DriverFamily;
  report(error: LabError): void;
  /** The link to an instrument of a lab server. Throws server.*. Absent where there are none. */
  remote?(resource: string): Promise<InstrumentLink>;
}

/**
 * Opens the wire, asks who is there and opens the driver that speaks its dialect. Changes nothing on the instrument. With `options.as` the family is the
 * one of that name, which may know another question than `*IDN?`, or none. A family found by the answer is then spoken to in its own pace and with its own line ends; if it wants another
 * handshake of a serial line, the port is opened once more.
 * Throws transport.*, driver.unsupported, instrument.silent (it accepts but says nothing), the errors of the driver's opening; nothing is left open then.
 */
export async function openInstrumentLink(
  resource: string,
  place: LinkPlace,
  options: AttachOptions = {},
): Promise<InstrumentLink> {
  if (place.remote && parseResource(resource).kind === 'server') return place.remote(resource);
  return open(resource, place, options, undefined);
}

/** `found`: the family that a first opening has shown. */
async function open(
  resource: string,
  place: LinkPlace,
  options: AttachOptions,
  found: DriverFamily | undefined,
): Promise<InstrumentLink> {
  const { clock, timeoutMs, outputsOffStepMs } = place;
  const asked = options.as === undefined ? undefined : place.named(options.as);
  const { limits, ...settings } = linkSettings(options, asked?.line ?? answeredLine(found?.line ?? {}));
  const scope = new Scope(`instrument ${resource}`);
  try {
    const way = asked?.frame ? framedWay(resource, asked.frame, clock, settings.transport) : { resource };
    const session = scope.use(await openSession({ ...way, clock, ...settings, limits: { ...limits, timeoutMs } }));
    const identity = asked?.identify
      ? await asked.identify({ session, resource, options, timeoutMs })
      : await identify(session, resource, timeoutMs);
    const family = asked ?? place.choose(identity);
    if (!asked && family.frame) {
      // It was understood by chance; for what follows its replies must be framed.
      await scope[Symbol.asyncDispose]();
      return await open(resource, place, { ...options, as: family.name }, undefined);
    }
    if (!asked && !found && family.line) {
      const { limits: pace, transport, ...ends } = linkSettings(options, answeredLine(family.line));
      const isOtherLine = !isDeepStrictEqual(transport?.serial, settings.transport?.serial);
      if (isOtherLine && parseResource(resource).kind === 'serial') {
        await scope[Symbol.asyncDispose]();
        return await open(resource, place, options, family);
      }
      session.adapt({ ...ends, ...pace });
    }
    const report = (error: LabError): void => place.report(error);
    const context = { session, clock, identity, options, outputsOffStepMs, report };
    const driver = scope.use(await family.open(context));
    return {
      session,
      identity,
      driver,
      family: family.name,
      [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
    };
  } catch (error) {
    await scope[Symbol.asyncDispose]().catch(() => undefined);
    throw error;
  }
}

/** The way of a family that frames its replies itself. These instruments know no marker to find back into step by; a port opened again begins anew. */
function framedWay(
  resource: string,
  frame: NonNullable<DriverFamily['frame']>,
  clock: Clock,
  transport: SessionOptions['transport'],
): Pick<SessionOptions, 'open' | 'isFreshOnReopen'> {
  return { isFreshOnReopen: true, open: async () => frame(await openTransport(resource, transport), clock) };
}

async function identify(session: Session, resource: string, timeoutMs: number): Promise<Identity> {
  try {
    const reply = await session.query('*IDN?', { timeoutMs, priority: 'person' });
    if (looksLikeIdentity(reply)) return parseIdentity(reply);
    throw new LabError(
      'instrument.mismatch',
      `${resource} answers *IDN? with “${reply.slice(0, 60)}”, which is no identity. It is not attached. Check that the address belongs to an instrument, and its line end (serial: baud rate); the attach doctor tells more.`,
      { resource, reply: reply.slice(0, 200) },
    );
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== 'transport.timeout') throw error;
    throw new LabError(
      'instrument.silent',
      `${resource} accepts the connection but does not answer *IDN?. It is not attached. Check that it is switched on and that this is its SCPI address (serial: baud rate and line end); the attach doctor tells more.`,
      { resource },
      { cause: error },
    );
  }
}
