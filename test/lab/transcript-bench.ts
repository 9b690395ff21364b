import { ManualClock } from '../../src/core/clock.ts';
import { LabError } from '../../src/core/errors.ts';
import type { Identity } from '../../src/core/instrument.ts';
import type { Driver, DriverFamily } from '../../src/engine/driver/driver.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import type { Session } from '../../src/engine/session/session.ts';
import { createMemoryWire } from '../../src/engine/transport/memory-transport.ts';
import { looksLikeIdentity, parseIdentity } from '../../src/protocol/idn.ts';
import { TranscriptUnit } from './transcript.ts';
import type { Transcript } from './transcript-schema.ts';

const WRITE_END: Record<string, string> = { lf: '\n', cr: '\r', crlf: '\r\n', none: '' };
/** Steps of the clock while something is awaited: small against the paces and waits of drivers. */
const STEP_MS = 5;
/** Longest time of the manual clock one action may take. */
const MAX_MS = 120_000;

/** A driver on its transcript, over a real session on the memory wire, on a clock of its own. */
export interface TranscriptBench extends AsyncDisposable {
  readonly unit: TranscriptUnit;
  readonly session: Session;
  readonly driver: Driver;
  readonly identity: Identity;
  /** What the driver reported outside its calls. */
  readonly reports: LabError[];
  /** Awaits it while the clock runs. */
  run<T>(action: PromiseLike<T>): Promise<T>;
}

/** Opens as attaching does: who is there, then the driver. Throws what they throw. */
export async function openTranscriptBench(transcript: Transcript, family: DriverFamily): Promise<TranscriptBench> {
  const clock = new ManualClock();
  const unit = new TranscriptUnit(transcript);
  const reports: LabError[] = [];
  const run = <T>(action: PromiseLike<T>): Promise<T> => runOn(clock, action);
  const line: { writeTermination?: string; readTermination?: string; paceMs?: number } =
    'line' in family ? ((family.line as object | undefined) ?? {}) : {};
  const session = await openSession({
    clock,
    isFreshOnReopen: true,
    writeTermination: WRITE_END[line.writeTermination ?? 'lf'],
    readTermination: line.readTermination === 'cr' ? 'cr' : 'lf',
    limits: line.paceMs === undefined ? {} : { paceMs: line.paceMs },
    open: async () => {
      const { transport, device } = createMemoryWire({ clock, resource: transcript.wire.resource });
      unit.attach(device);
      return family.frame?.(transport, clock) ?? transport;
    },
  });
  try {
    const identity = await run(identify(transcript, family, session));
    const driver = await run(family.open({ session, clock, identity, report: (error) => reports.push(error) }));
    return {
      unit,
      session,
      driver,
      identity,
      reports,
      run,
      async [Symbol.asyncDispose]() {
        await run(driver[Symbol.asyncDispose]());
        await run(session[Symbol.asyncDispose]());
      },
    };
  } catch (error) {
    await run(session[Symbol.asyncDispose]());
    const told = unit.failures.length > 0 ? `${unit.failures.join('; ')}; then: ` : '';
    throw new Error(`the driver did not open: ${told}${LabError.from(error).message}`, { cause: error });
  }
}

async function identify(transcript: Transcript, family: DriverFamily, session: Session): Promise<Identity> {
  if (family.identify) {
    return family.identify({ session, resource: session.resource, options: {}, timeoutMs: 2000 });
  }
  const isAsked = transcript.exchanges.some(({ requests }) => '*IDN?' in requests);
  if (!isAsked && !transcript.common.includes('*IDN?')) return parseIdentity(transcript.idn);
  const reply = await session.query('*IDN?');
  if (!looksLikeIdentity(reply)) throw new Error(`'${reply}' is not taken for an identity`);
  return parseIdentity(reply);
}

async function runOn<T>(clock: ManualClock, action: PromiseLike<T>): Promise<T> {
  let isDone = false;
  const settled = Promise.resolve(action).finally(() => {
    isDone = true;
  });
  settled.catch(() => undefined);
  const endMs = clock.monotonicMs() + MAX_MS;
  while (!isDone && clock.monotonicMs() < endMs) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!isDone) await clock.advance(STEP_MS);
  }
  if (!isDone) throw new Error(`nothing came of it within ${MAX_MS} ms of the clock`);
  return settled;
}
