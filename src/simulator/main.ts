/**
 * The simulated bench as a process of its own: forked by a Node host or started as an Electron utility process. What is said is in
 * message.ts. It ends with its host: when the channel closes there is nobody left to measure.
 */
import { LabError } from '../core/errors.ts';
import { type Bench, openBench } from './bench.ts';
import { benchOptions, type FromBench, type ToBench, toBench } from './message.ts';

/** The part of Electron's `process.parentPort` used here; Electron is no dependency of the simulator. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): void;
}

const parentPort = (process as { parentPort?: ParentPort }).parentPort;
let bench: Bench | undefined;
let ending = false;
/** Messages are worked off one after the other. */
let chain: Promise<void> = Promise.resolve();

function say(message: FromBench): void {
  if (parentPort) parentPort.postMessage(message);
  else if (process.connected) process.send?.(message);
}

async function start(options: unknown): Promise<void> {
  if (bench) throw new LabError('simulator.failed', 'The simulated bench runs already. It goes on as it was started.');
  const asked = benchOptions.parse(options);
  bench = await openBench({ ...asked, ways: asked.ways ?? 'all' });
  say({ type: 'listening', instruments: bench.instruments });
}

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  await Promise.resolve(bench?.[Symbol.asyncDispose]()).catch(() => {});
  process.exit(code);
}

async function handle(data: unknown): Promise<void> {
  const parsed = toBench.safeParse(data);
  if (!parsed.success) {
    const error = new LabError('call.invalid', 'The simulated bench got a message it does not know. Nothing was done.');
    say({ type: 'failed', error: error.toJSON() });
    return;
  }
  const message: ToBench = parsed.data;
  try {
    if (message.type === 'start') {
      await start(message.options);
    } else if (message.type === 'setFault') {
      if (!bench) throw new LabError('simulator.failed', 'The simulated bench does not run yet. Start it first.');
      bench.setFault(message.name, message.fault);
      say({ type: 'done', id: message.id });
    } else {
      await end(0);
    }
  } catch (error) {
    say({ type: 'failed', error: LabError.from(error).toJSON(), ...('id' in message ? { id: message.id } : {}) });
    if (message.type === 'start' && !bench) await end(1);
  }
}

function take(data: unknown): void {
  chain = chain.then(() => handle(data));
}

if (parentPort) parentPort.on('message', (event) => take(event.data));
else process.on('message', take);
process.on('disconnect', () => void end(0));
process.on('SIGTERM', () => void end(0));
process.on('SIGINT', () => void end(0));

const [, , argument] = process.argv;
if (argument?.startsWith('{')) take({ type: 'start', options: JSON.parse(argument) });
