import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { KeyFile, UserFile } from './access-schema.ts';
import { keyFile, userFile } from './access-schema.ts';
import { KeptFile } from './kept-file.ts';
import { KeyTable, NO_KEYS } from './key-table.ts';
import { PasswordDesk, type PasswordDeskOptions } from './password-desk.ts';
import { systemRandom } from './password-hash.ts';
import { NO_USERS, UserTable } from './user-table.ts';

export interface AccessFilesOptions extends PasswordDeskOptions {
  /** `hub` of the data folder. Made if it is not there. */
  folder: string;
  clock: Clock;
  /** A line for the person: a file was damaged, or others could read it. */
  say: (text: string) => void;
}

/** Users and keys as they stand in the folder: what the command line works on, whether a hub runs or not. */
export interface AccessFiles {
  readonly users: UserTable;
  readonly keys: KeyTable;
  readonly desk: PasswordDesk;
  readonly userFile: KeptFile<UserFile>;
  readonly keyFile: KeptFile<KeyFile>;
}

/** Throws hub.storage if the folder cannot be made, or a file not be read. */
export async function openAccessFiles(options: AccessFilesOptions): Promise<AccessFiles> {
  const { folder, clock, say, random = systemRandom } = options;
  const desk = new PasswordDesk(options);
  const usersPath = join(folder, 'users.json');
  const keysPath = join(folder, 'keys.json');
  const users = await KeptFile.open({ path: usersPath, schema: userFile, empty: NO_USERS, clock, say });
  const keys = await KeptFile.open({ path: keysPath, schema: keyFile, empty: NO_KEYS, clock, say });
  const table = new UserTable(users, desk, clock);
  return { users: table, keys: new KeyTable(keys, table, clock, random), desk, userFile: users, keyFile: keys };
}
