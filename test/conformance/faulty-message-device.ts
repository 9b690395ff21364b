import { delay } from '../../src/core/clock.ts';
import type { MessageConnection, MessageDevice } from '../../src/simulator/wire/message-device.ts';
import { MessageExchange } from '../../src/simulator/wire/message-exchange.ts';
import { type Fault, type FaultPlan, spoil } from './faulty-instrument.ts';

/** What a message-based instrument does to its answers; device clear ends all of it (488.2 section 5). `order` needs a stream. */
export const MESSAGE_FAULTS: readonly Fault[] = ['delay', 'drop', 'split', 'garbage', 'hang', 'disconnect'];

/**
 * An instrument behind a message-based way that echoes `ECHO? token` and answers 488.2 markers, and does to its answers what firmware does:
 * late, never, in pieces, spoiled; takes nothing in for a while; cuts the connection.
 */
export function createFaultyMessageDevice(plan: FaultPlan): MessageDevice {
  return { idn: 'Labwire,Faulty device,1,1.0', connect: (cut) => new FaultyConnection(plan, cut) };
}

class FaultyConnection implements MessageConnection {
  readonly #plan: FaultPlan;
  readonly #cut: () => void;
  readonly #exchange: MessageExchange;
  /** What hung when the device was cleared never arrives. */
  #clears = 0;

  constructor(plan: FaultPlan, cut: () => void) {
    this.#plan = plan;
    this.#cut = cut;
    this.#exchange = new MessageExchange({
      execute: (message, respond) => this.#execute(Buffer.from(message).toString('latin1'), respond),
      statusByte: () => 0,
      serviceRequestEnable: () => 0,
      fail: () => {},
    });
  }

  get hasResponse(): boolean {
    return this.#exchange.hasResponse;
  }

  async write(bytes: Uint8Array, end: boolean): Promise<void> {
    const copy = bytes.slice();
    if (this.#meets(['hang'], 1 / MESSAGE_FAULTS.length)) {
      const clears = this.#clears;
      await delay(this.#plan.clock, this.#plan.random.below(this.#plan.timeoutMs * 3));
      if (clears !== this.#clears) return;
    }
    await this.#exchange.write(copy, end);
  }

  read: MessageConnection['read'] = (options) => this.#exchange.read(options);

  get messageCount(): number {
    return this.#exchange.messageCount;
  }

  onResponse(listener: () => void): void {
    this.#exchange.onResponse(listener);
  }

  interrupt(): void {
    this.#exchange.interrupt();
  }

  clear(): void {
    this.#clears++;
    this.#exchange.clear();
  }

  trigger(): void {
    this.#exchange.trigger();
  }

  serialPoll(): number {
    return this.#exchange.serialPoll();
  }

  onServiceRequest(listener: () => void): void {
    this.#exchange.onServiceRequest(listener);
  }

  remoteLocal(): void {}

  closed(): void {
    this.#clears++;
    this.#exchange.closed();
  }

  async #execute(message: string, respond: (bytes: Uint8Array, end: boolean) => void): Promise<void> {
    const answers = message.split(';').flatMap((unit) => {
      if (unit.trim() === '*OPC?') return ['1'];
      const echo = /^ECHO\? (\S+)$/.exec(unit.trim());
      return echo ? [echo[1] as string] : [];
    });
    if (answers.length === 0) return;
    const reply = `${answers.join(';')}\n`;
    const { random, clock, timeoutMs } = this.#plan;
    const others = MESSAGE_FAULTS.filter((fault) => fault !== 'hang');
    const say = (text: string, end = true): void => respond(Buffer.from(text, 'latin1'), end);
    switch (this.#meets(others, others.length / MESSAGE_FAULTS.length)) {
      case 'drop':
        return;
      case 'delay':
        await delay(clock, random.below(timeoutMs * 3));
        return say(reply);
      case 'split': {
        // Byte by byte, one time in three with a long pause somewhere.
        const pauseAt = random.below(reply.length * 3);
        for (let index = 0; index < reply.length; index++) {
          if (index === pauseAt) await delay(clock, random.below(timeoutMs * 2));
          say(reply.charAt(index), index === reply.length - 1);
        }
        return;
      }
      case 'garbage':
        return say(spoil(reply, random, this.#plan.isNoiseUnreadable ?? false));
      case 'disconnect':
        if (random.below(2)) say(reply.slice(0, random.below(reply.length)), false);
        this.#cut();
        return;
      default:
        say(reply);
    }
  }

  #meets(faults: readonly Fault[], share: number): Fault | undefined {
    const { tally, random, rate } = this.#plan;
    if (tally.isHealthy || random.next() >= rate * share) return undefined;
    const fault = faults[random.below(faults.length)];
    if (fault) tally.add(fault);
    return fault;
  }
}
