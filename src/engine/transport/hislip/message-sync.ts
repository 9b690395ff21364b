import { RMT_DELIVERED } from '../../../protocol/hislip.ts';
import { FIRST_MESSAGE_ID, NO_MESSAGE_ID, nextMessageId } from '../../../protocol/hislip-message-id.ts';

/** What becomes of a piece of an answer: given on, kept until the end says whose it is, thrown away. */
export type Verdict = 'valid' | 'unknown' | 'stale';

/**
 * The books a client keeps in synchronized mode so that no answer is taken for another's (IVI-6.1 3.1.2):
 *
 * - every Data, DataEND and Trigger has the next MessageID; an answer carries that of the message whose end asked for it;
 * - RMT-delivered is said once after the end of an answer was given to the application;
 * - Interrupted comes on one channel, AsyncInterrupted on the other, in either order:
 *
 *       in step ──AsyncInterrupted──▶ behind: answers are thrown away ──Interrupted──▶ in step
 *          └─────────Interrupted────▶ ahead: nothing is sent ──────AsyncInterrupted──▶ in step
 */
export class MessageSync {
  #nextId = FIRST_MESSAGE_ID;
  #lastId = NO_MESSAGE_ID;
  #isDelivered = false;
  /** Interrupted messages seen, less AsyncInterrupted ones. */
  #ahead = 0;
  /** Messages sent whole since the last one that was answered whole; more than one, or an answer given up: an older answer may come. */
  #unanswered = 0;

  /** MessageID of the last message sent. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Nothing may be sent before AsyncInterrupted has come. */
  get isAhead(): boolean {
    return this.#ahead > 0;
  }

  /** An answer older than the last question may still come. */
  get isDoubtful(): boolean {
    return this.#unanswered > 1;
  }

  reset(): void {
    this.#nextId = FIRST_MESSAGE_ID;
    this.#lastId = NO_MESSAGE_ID;
    this.#isDelivered = false;
    this.#ahead = 0;
    this.#unanswered = 0;
  }

  /** Number and control code of the next message. */
  take(isEnd: boolean): { id: number; control: number } {
    const id = this.#nextId;
    this.#nextId = nextMessageId(id);
    this.#lastId = id;
    if (isEnd) this.#unanswered++;
    return { id, control: this.takeDelivered() };
  }

  /** The control code that says whether an answer was delivered since it was last said. */
  takeDelivered(): number {
    const control = this.#isDelivered ? RMT_DELIVERED : 0;
    this.#isDelivered = false;
    return control;
  }

  delivered(): void {
    this.#isDelivered = true;
  }

  /** The application gave up an answer that may still come. */
  abandoned(): void {
    this.#unanswered = Math.max(2, this.#unanswered + 1);
  }

  /** The end of the answer to the last message has come: nothing older can follow it. */
  answered(): void {
    this.#unanswered = 0;
  }

  interrupted(): void {
    this.#ahead++;
  }

  asyncInterrupted(): void {
    this.#ahead--;
  }

  /** Rules 1, 2 and 4 of 3.1.2. `isUnknown`: Data whose sender could not tell the question. */
  judge(id: number, isUnknown: boolean): Verdict {
    if (this.#ahead < 0) return 'stale';
    if (isUnknown) return this.isDoubtful ? 'unknown' : 'valid';
    return id === this.#lastId ? 'valid' : 'stale';
  }
}
