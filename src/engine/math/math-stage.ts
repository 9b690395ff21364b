import type { MathChannel, MathState } from '../../contract/math-schema.ts';
import type { Batch } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import { type Expression, parseExpression } from './expression.ts';
import { MATH_INSTRUMENT, MathLane, type MathPlace } from './math-lane.ts';

export interface MathStageOptions extends MathPlace {
  channels: readonly MathChannel[];
  /** What gives rows, or does not, has changed. */
  changed?: (() => void) | undefined;
}

/**
 * Computes the channels of a bench, live or in a replay: hears every stream of a fan and puts its own on it, so they are drawn, watched and recorded like measured
 * ones. Add it to the fan behind the others: what it computes comes after what it was computed from.
 * @throws LabError math.malformed
 */
export function createMathStage(options: MathStageOptions): MathStage {
  return new MathStage(options, parseChannels(options.channels));
}

export class MathStage implements SampleSink, Disposable {
  readonly #lanes: MathLane[];
  readonly #streams = new Map<number, StreamInfo>();
  readonly #changed: () => void;
  #isConnecting = false;
  #isDisposed = false;

  constructor(options: MathStageOptions, parsed: ReadonlyMap<MathChannel, Expression>) {
    this.#changed = options.changed ?? (() => undefined);
    this.#lanes = [...parsed].map(([channel, expression]) => new MathLane(channel, expression, options));
  }

  get states(): MathState[] {
    return this.#lanes.map((lane) => ({ channel: lane.channel, problem: lane.problem(this.#streams.values()) }));
  }

  streamOpened(info: StreamInfo): void {
    this.#streams.set(info.id, info);
    this.#connect();
  }

  batch(batch: Batch): void {
    for (const lane of this.#lanes) lane.batch(batch);
  }

  gap(gap: StreamGap): void {
    for (const lane of this.#lanes) lane.gap(gap);
  }

  streamClosed(stream: number): void {
    if (this.#streams.delete(stream)) this.#connect();
  }

  /** Closes its streams. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const lane of this.#lanes) lane.close();
  }

  /** Opening a stream of ours comes back here through the fan: then the round that runs goes once more. */
  #connect(): void {
    if (this.#isDisposed || this.#isConnecting) return;
    this.#isConnecting = true;
    try {
      for (let count = -1; count !== this.#streams.size; ) {
        count = this.#streams.size;
        for (const lane of this.#lanes) lane.connect([...this.#streams.values()]);
      }
    } finally {
      this.#isConnecting = false;
    }
    this.#changed();
  }
}

/** Reads all of them, or says which cannot be. @throws LabError math.malformed */
export function parseChannels(channels: readonly MathChannel[]): ReadonlyMap<MathChannel, Expression> {
  const parsed = new Map(channels.map((channel) => [channel, parseNamed(channel)]));
  const uses = new Map(
    [...parsed].map(([{ name }, expression]) => [
      name,
      expression.channels.flatMap((channel) =>
        channel.startsWith(`${MATH_INSTRUMENT}/`) ? [channel.slice(MATH_INSTRUMENT.length + 1)] : [],
      ),
    ]),
  );
  if (uses.size < channels.length)
    throw new LabError('math.malformed', 'Two computed channels have one name. Nothing was changed; rename one.');
  for (const name of uses.keys()) {
    if (!reaches(uses, name, name)) continue;
    throw new LabError(
      'math.malformed',
      `The channel ${name} is computed from itself, directly or by others. Nothing was changed; take it out of one of the expressions.`,
      { name },
    );
  }
  return parsed;
}

function parseNamed({ name, expression }: MathChannel): Expression {
  try {
    return parseExpression(expression);
  } catch (thrown) {
    const error = LabError.from(thrown);
    throw new LabError(error.code, `${name}: ${error.message}`, { ...error.details, name }, { cause: thrown });
  }
}

function reaches(uses: ReadonlyMap<string, readonly string[]>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const next = [...(uses.get(from) ?? [])];
  for (let name = next.pop(); name !== undefined; name = next.pop()) {
    if (name === to) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    next.push(...(uses.get(name) ?? []));
  }
  return false;
}
