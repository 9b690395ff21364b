import type { CallInput } from '../contract/calls.ts';
import type { Client } from '../contract/client.ts';
import type { MessageSession, RecordingFormat } from '../contract/recording-schema.ts';
import { LabError } from '../core/errors.ts';

export interface SessionsWish {
  /** One session a format, all at once. */
  formats: readonly Exclude<RecordingFormat, 'labwire'>[];
  /** Of the session; where there are several, each has its format behind it. */
  name: string;
  /** Absolute. */
  folder: string;
  options: Omit<NonNullable<CallInput<'session.start'>['options']>, 'format'>;
  about: Record<string, unknown>;
}

/** Sessions of messages that a command has started at an engine; disposing stops those that run. */
export class MessageSessions implements AsyncDisposable {
  readonly #client: Client;
  readonly #running = new Set<string>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Gives what each has at its start, its file among it. Throws what `session.start` throws; what had begun is stopped by disposing. */
  async start({ formats, name, folder, options, about }: SessionsWish, signal: AbortSignal): Promise<MessageSession[]> {
    const started: MessageSession[] = [];
    for (const format of formats) {
      const session = formats.length === 1 ? name : `${name} ${format.replace('lablink-', '')}`;
      const wish = { session, folder, options: { ...options, format }, about };
      started.push(await this.#client.call('session.start', wish, { signal }));
      this.#running.add(session);
    }
    return started;
  }

  /** Rejects with the reason when one of them ends by itself. */
  failure(): Promise<never> {
    const failed = new Promise<never>((_, reject) => {
      this.#client.on('session.changed', ({ sessions }) => {
        const broken = sessions.find(({ session, error }) => error !== null && this.#running.has(session));
        if (broken?.error) reject(LabError.fromRecord(broken.error));
      });
    });
    failed.catch(() => {});
    return failed;
  }

  /** Ends all of them; what each has written. */
  async stop(): Promise<MessageSession[]> {
    const running = [...this.#running];
    this.#running.clear();
    return await Promise.all(running.map((session) => this.#client.call('session.stop', { session })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined);
  }
}
