import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { labDialect } from '../../contract/server-schema.ts';
import { shortText } from '../../contract/value-schema.ts';
import { atomicWrite } from '../state/atomic-write.ts';

const MAX_SERVERS = 50;

const savedServer = z.object({
  id: z.string().min(1).max(100),
  url: z.string().max(2000),
  label: shortText,
  /** What it spoke last. */
  dialect: labDialect.nullable(),
  user: z.string().max(200),
  webSocket: z.boolean(),
});
export type SavedServer = z.infer<typeof savedServer>;

const document = z.object({ version: z.literal(1), servers: z.array(savedServer).max(MAX_SERVERS) });

/** The servers of a data folder, without any secret; none if there is no file. Throws the reason for one that cannot be read. */
export async function readServers(path: string): Promise<SavedServer[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return document.parse(JSON.parse(text)).servers;
}

/** Rejects with the system's error. */
export async function writeServers(path: string, servers: readonly SavedServer[]): Promise<void> {
  await atomicWrite(path, `${JSON.stringify({ version: 1, servers }, null, 2)}\n`, 0o600);
}
