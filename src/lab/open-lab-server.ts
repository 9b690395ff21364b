import { LabError } from '../core/errors.ts';
import type { Dialect } from './dialect.ts';
import type { DialectName, LabServer, LabServerOptions } from './lab-server.ts';
import { LABLINK } from './lablink/dialect.ts';
import { LABWIRE_DIALECT } from './labwire/dialect.ts';
import { NEUROGRAPH_DIALECT } from './neurograph/dialect.ts';
import type { LabPorts } from './ports.ts';
import { POWER_METER_DIALECT } from './power-meter/dialect.ts';
import { createServerProbe } from './server-probe.ts';
import { VITAL_DIALECT } from './vital/dialect.ts';

/** In the order in which they are asked: what says clearly what it is goes first. */
const DIALECTS: readonly Dialect[] = [LABWIRE_DIALECT, POWER_METER_DIALECT, LABLINK, NEUROGRAPH_DIALECT, VITAL_DIALECT];

/**
 * The client of the server at an address. What it speaks is found out by what it says, unless `options.dialect` names it. Throws server.unreachable and server.timeout when
 * nothing answers, server.unsupported when nothing known does.
 */
export async function openLabServer(
  ports: LabPorts,
  options: LabServerOptions,
  signal: AbortSignal,
  dialects: readonly Dialect[] = DIALECTS,
): Promise<LabServer> {
  if (options.dialect !== undefined) {
    const named = options.dialect;
    const dialect = dialects.find(({ names }) => names.includes(named));
    if (!dialect) throw unknown(options.url, named);
    return dialect.open(ports, options, named);
  }
  const probe = createServerProbe(ports, baseOf(options.url), options.token, signal);
  let failure: LabError | undefined;
  for (const dialect of dialects) {
    signal.throwIfAborted();
    let name: DialectName | undefined;
    try {
      name = await dialect.recognizes(probe, options);
    } catch (thrown) {
      failure ??= LabError.from(thrown);
      continue;
    }
    if (name !== undefined) return dialect.open(ports, options, name);
  }
  signal.throwIfAborted();
  if (failure) throw failure;
  throw new LabError(
    'server.unsupported',
    `${options.url} answers, but speaks nothing Labwire knows. It was not added. Check the port; if it is an instrument, attach it by its address.`,
    { url: options.url },
  );
}

/** `http://host:port` of an address, without its path. */
export function baseOf(url: string): string {
  const { protocol, host } = new URL(url);
  const isSecure = protocol === 'https:' || protocol === 'wss:';
  return `${isSecure ? 'https' : 'http'}://${host}`;
}

function unknown(url: string, name: string): LabError {
  return new LabError('server.unsupported', `${name} is not spoken by this Labwire. ${url} was not connected.`);
}
