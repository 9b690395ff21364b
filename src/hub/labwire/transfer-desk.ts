import { randomUUID } from 'node:crypto';
import { LabError } from '../../core/errors.ts';
import type { Attachment } from '../delivery/delivery-source.ts';
import type { Outbox } from '../delivery/outbox.ts';
import type { HubParts } from '../hub-parts.ts';
import type { ClientMessage, WantedTransfer } from './client-message.ts';
import { textMessage } from './outgoing.ts';
import { openContent, type TransferAsker, type TransferContent } from './transfer-content.ts';
import type { TransferShelf } from './transfer-shelf.ts';
import { TransferSource } from './transfer-source.ts';
import { wireCode } from './wire-error.ts';

export interface TransferDeskHost {
  parts: Pick<HubParts, 'bench' | 'recordings'>;
  outbox: Outbox;
  shelf: TransferShelf;
  /** Whether the client takes binary messages. */
  binary: boolean;
  asker(): TransferAsker;
  /** Whether the role of now may have what is transferred: it is all of those who may control. */
  mayTransfer(): boolean;
  nextHandle(): number;
}

interface Running {
  source: TransferSource;
  attachment: Attachment | undefined;
}

type Re = string | number | undefined;
type StartTransfer = Extract<ClientMessage, { type: 'start_transfer' }>;

/** At work on one connection at once. */
const MOST_RUNNING = 4;

/**
 * What is too large for a message, sent to one client piece by piece when nothing more urgent goes.
 *
 *     (asked) ──content is there: transfer_started──▶ running ──last byte out──▶ sent ──stop_transfer, room wanted──▶ (none)
 *                                                       │ ▲                         │
 *                            stop_transfer, fault ◀─────┘ └─start_transfer {transfer, offset}, also on the next connection
 */
export class TransferDesk implements Disposable {
  readonly #host: TransferDeskHost;
  readonly #running = new Map<string, Running>();
  #opening = 0;
  #isOver = false;

  constructor(host: TransferDeskHost) {
    this.#host = host;
  }

  /** Begins one, or goes on with one. Throws hub.unsupported, hub.unknown, call.invalid, call.limit, and what `openContent` throws. */
  async start({ transfer, offset, wanted }: StartTransfer, re: Re): Promise<void> {
    const { shelf, binary, mayTransfer } = this.#host;
    if (!mayTransfer())
      throw new LabError('hub.forbidden', 'Transfers are for those who may control. Nothing is sent; log in as one.');
    if (!binary)
      throw new LabError(
        'hub.unsupported',
        'A transfer comes as binary messages, which this client does not take. Nothing is sent; REST gives files, too.',
      );
    if (transfer !== undefined) {
      const content = shelf.get(transfer);
      if (!content) throw unknownTransfer(transfer);
      this.#end(transfer);
      this.#needRoom();
      this.#begin(transfer, content, offset, re);
      return;
    }
    if (!wanted)
      throw new LabError('hub.malformed', 'Name what is to be transferred (what), or which transfer goes on.');
    const content = await this.#open(wanted);
    if (this.#isOver) return;
    const id = randomUUID();
    shelf.put(id, content);
    this.#begin(id, content, offset, re);
  }

  /** The client may not have them any more. */
  stopAll(reason: string): void {
    for (const transfer of this.#host.shelf.ids) this.stop(transfer, undefined, reason);
  }

  /** Ends one and lets its content go. False: there is none. */
  stop(transfer: string, re: Re, reason = 'asked'): boolean {
    const offset = this.#running.get(transfer)?.source.offset;
    this.#end(transfer);
    const content = this.#host.shelf.get(transfer);
    if (!this.#host.shelf.drop(transfer)) return false;
    this.#tell({ transfer, offset: offset ?? content?.sizeBytes ?? 0, reason }, re);
    return true;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const id of [...this.#running.keys()]) this.#end(id);
  }

  #needRoom(): void {
    if (this.#running.size + this.#opening < MOST_RUNNING) return;
    throw new LabError('call.limit', `${MOST_RUNNING} transfers run already. Nothing is sent; stop one, or wait.`);
  }

  async #open(wanted: WantedTransfer): Promise<TransferContent> {
    this.#needRoom();
    this.#opening++;
    try {
      return await openContent(this.#host.parts, wanted, this.#host.asker());
    } finally {
      this.#opening--;
    }
  }

  #begin(transfer: string, content: TransferContent, offset: number, re: Re): void {
    if (offset > content.sizeBytes)
      throw new LabError(
        'call.invalid',
        `The transfer has ${content.sizeBytes} bytes. Nothing is sent from ${offset} on.`,
      );
    const { outbox, shelf, nextHandle } = this.#host;
    const handle = nextHandle();
    const source = new TransferSource({
      key: keyOf(transfer),
      handle,
      content,
      offset,
      onReady: () => running.attachment?.changed(),
      onDone: () => {
        shelf.sent(transfer);
        if (this.#running.get(transfer) === running) this.#end(transfer);
      },
      onFault: (error) => {
        if (this.#running.get(transfer) !== running) return;
        this.#end(transfer);
        shelf.drop(transfer);
        this.#tell({ transfer, offset: source.offset, reason: error.message, code: wireCode(error) });
      },
    });
    const running: Running = { source, attachment: undefined };
    this.#running.set(transfer, running);
    const { sizeBytes, mediaType, name, about } = content;
    outbox.offer(
      textMessage({
        type: 'transfer_started',
        ...(re === undefined ? {} : { re }),
        transfer,
        handle,
        offset,
        bytes: sizeBytes,
        media_type: mediaType,
        name,
        about,
      }),
    );
    running.attachment = outbox.attach(source);
  }

  #end(transfer: string): void {
    const running = this.#running.get(transfer);
    if (!running) return;
    this.#running.delete(transfer);
    running.attachment?.detach();
    this.#host.outbox.forget(keyOf(transfer));
  }

  #tell(body: Record<string, unknown>, re?: Re): void {
    this.#host.outbox.offer(textMessage({ type: 'transfer_stopped', ...(re === undefined ? {} : { re }), ...body }));
  }
}

function keyOf(transfer: string): string {
  return `transfer/${transfer}`;
}

function unknownTransfer(transfer: string): LabError {
  return new LabError(
    'hub.unknown',
    `There is no transfer ${transfer.slice(0, 100)} any more. Nothing is sent; ask for it from the beginning.`,
  );
}
