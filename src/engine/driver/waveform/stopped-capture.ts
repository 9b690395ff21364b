import { LabError } from '../../../core/errors.ts';
import type { Wire } from '../../session/session.ts';
import type { DriverContext, Waveform } from '../driver.ts';
import { isWord } from '../scpi-dialog.ts';
import type { WaveformContext, WaveformReader, WaveformSource } from './waveform-reader.ts';

/** How a dialect's scope is made to stand still, and how it is read then. */
export interface StoppedDialect {
  timeoutMs: number;
  /** Question whose answer (upper case) says whether it runs. */
  status: string;
  /** Whether a text can be that answer; default a word. */
  isStatus?(text: string): boolean;
  isIdle(status: string): boolean;
  /** What stops it, or what takes one acquisition of the sources and leaves it stopped. */
  stop: string | ((wire: Wire, sources: readonly WaveformSource[]) => Promise<void>);
  /** What runs it again as it did. */
  run: string | ((status: string) => string);
  read(wire: Wire, sources: readonly WaveformSource[]): Promise<Waveform>;
}

/** One capture of a scope that must stand still for it. */
interface StoppedCapture extends StoppedDialect {
  context: DriverContext;
  sources: readonly WaveformSource[];
  /** Channels asked for. */
  names: readonly string[];
  signal: AbortSignal;
}

/** The reader of a scope that must stand still while it is read. */
export function stoppedReader(
  { context, sources }: Pick<WaveformContext, 'context' | 'sources'>,
  dialect: StoppedDialect,
): WaveformReader {
  return {
    columns: sources.map(({ column }) => column),
    capture: (names, signal) => captureStopped({ ...dialect, context, sources, names, signal }),
  };
}

/**
 * Stops a running acquisition, so that all channels are of one trigger, reads them, and runs it again, also when the reading failed or was
 * cancelled. Throws `call.invalid` for channels it has not, and what `read` throws.
 */
async function captureStopped(capture: StoppedCapture): Promise<Waveform> {
  const { context, signal, timeoutMs, stop, isStatus = isWord } = capture;
  const wanted = chooseSources(capture.sources, capture.names);
  let mustRun = false;
  let run = '';
  try {
    return await context.session.transaction(
      async (wire) => {
        const { text } = await wire.query(capture.status, undefined, isStatus);
        const status = text.trim().toUpperCase();
        run = typeof capture.run === 'string' ? capture.run : capture.run(status);
        mustRun = !capture.isIdle(status);
        if (mustRun) await (typeof stop === 'string' ? wire.write(stop) : stop(wire, wanted));
        const waveform = await capture.read(wire, wanted);
        if (mustRun) await wire.write(run);
        mustRun = false;
        return waveform;
      },
      { signal, timeoutMs },
    );
  } finally {
    // Failed or cancelled half-way: the wire of the transaction is gone, but the scope must not stay stopped.
    if (mustRun) await context.session.write(run).catch((error: unknown) => context.report(LabError.from(error)));
  }
}

/** The sources of channels, in the order of the instrument. Throws `call.invalid`. */
function chooseSources(sources: readonly WaveformSource[], names: readonly string[]): WaveformSource[] {
  const wanted = sources.filter(({ column }) => names.includes(column.channel));
  if (wanted.length === new Set(names).size && wanted.length > 0) return wanted;
  const asked = names.join(', ') || 'no channel';
  throw new LabError('call.invalid', `There is no waveform of ${asked}. Nothing was captured.`);
}
