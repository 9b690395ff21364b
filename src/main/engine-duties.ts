import { Notification, powerSaveBlocker } from 'electron';
import type { FromEngine, HostRequest, SimulatedInstrument } from '../contract/host-messages.ts';
import { LabError } from '../core/errors.ts';
import type { KeptProcess } from '../core/kept-process.ts';
import type { Reply } from './engine-process.ts';
import type { SecretFile } from './secret-file.ts';
import type { SimulatorProcess } from './simulator-process.ts';
import { startVisaProcess } from './visa-process.ts';

interface Surroundings {
  simulator: SimulatorProcess;
  hub: KeptProcess;
  /** The built vendor-visa.js. */
  visaEntry: string;
  secrets: SecretFile;
  /** A notification was clicked. */
  onNoticeOpened(): void;
}

/** What main does for the engine: notifications, keeping the system awake, the simulated bench, the hub, the process of the maker's VISA. */
export class EngineDuties {
  readonly #around: Surroundings;
  #blocker: number | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  take(message: FromEngine, reply: Reply): void {
    switch (message.kind) {
      case 'notify':
        this.#notify(message);
        break;
      case 'blockSleep':
        this.blockSleep(message.on);
        break;
      case 'request':
        void this.#answer(message.request, message.ask, reply);
        break;
    }
  }

  /** While a recording runs the system may dim its display but not sleep. */
  blockSleep(on: boolean): void {
    if (on && this.#blocker === undefined) this.#blocker = powerSaveBlocker.start('prevent-app-suspension');
    if (!on && this.#blocker !== undefined) {
      powerSaveBlocker.stop(this.#blocker);
      this.#blocker = undefined;
    }
  }

  #notify({ title, text, severity }: Extract<FromEngine, { kind: 'notify' }>): void {
    if (!Notification.isSupported()) return;
    const urgency = severity === 'critical' ? 'critical' : severity === 'info' ? 'low' : 'normal';
    const notification = new Notification({ title, body: text, urgency });
    notification.on('click', () => this.#around.onNoticeOpened());
    notification.show();
  }

  async #answer(request: number, ask: HostRequest, reply: Reply): Promise<void> {
    try {
      if (ask.kind === 'startVisa') {
        reply({ kind: 'answer', request, instruments: [] }, [startVisaProcess(this.#around.visaEntry)]);
        return;
      }
      if (ask.kind === 'readSecret') {
        const secret = await this.#around.secrets.read(ask.name);
        reply({ kind: 'answer', request, instruments: [], ...(secret === undefined ? {} : { secret }) });
        return;
      }
      reply({ kind: 'answer', request, instruments: await this.#carryOut(ask) });
    } catch (error) {
      reply({ kind: 'refusal', request, error: LabError.from(error).toJSON() });
    }
  }

  async #carryOut(ask: Exclude<HostRequest, { kind: 'startVisa' | 'readSecret' }>): Promise<SimulatedInstrument[]> {
    const { simulator, hub, secrets } = this.#around;
    switch (ask.kind) {
      case 'startSimulator':
        return await simulator.start();
      case 'writeSecret':
        await secrets.write(ask.name, ask.value ?? undefined);
        return [];
      case 'stopSimulator':
        await simulator.stop();
        return [];
      case 'startHub':
        await hub.start();
        return [];
      case 'stopHub':
        await hub.stop();
        return [];
      case 'setFault':
        await simulator.setFault(ask.name, ask.fault);
        return [];
    }
  }
}
