import type { RestClient } from '../rest-client.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';
import type { StreamKeeper } from '../stream-keeper/stream-keeper.ts';

/** What a stream needs of the server it is of. */
export interface StreamHost {
  readonly rest: RestClient;
  readonly clock: ServerClock;
  /** Of the times of rows; s. NaN until the server has answered a question for its time: the greeting alone says nothing of its delay. */
  readonly uncertaintyS: number;
  /** The name of its urgency, as the server knows them; undefined: it knows none. */
  readonly priority: string | undefined;
  /** Most rows asked for by a message; 0: there is no such message. */
  readonly maxMessageRows: number;
  keeper(key: string): StreamKeeper | undefined;
  /** False: there is no connection. */
  send(message: Record<string, unknown>): boolean;
  askHistory(message: Record<string, unknown>, signal: AbortSignal): Promise<void>;
  /** Rows of any stream came lately. */
  isDelivering(): boolean;
  renew(reason: string): void;
}
