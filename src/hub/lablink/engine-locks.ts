import type { CallOutput } from '../../contract/calls.ts';
import type { Client } from '../../contract/client.ts';
import type { GivenLock, LockPort } from '../access/lock-port.ts';

/** The engine's locks, over the contract. */
export function engineLocks(client: Client): LockPort {
  return {
    take: async (wish, as) => givenOf(await client.call('lock.take', wish, { as })),
    touch: async (lock, as) => givenOf(await client.call('lock.touch', { lock }, { as })),
    release: async (lock, as) => void (await client.call('lock.release', { lock }, { as })),
    force: async (lock, as) => void (await client.call('lock.force', { lock }, { as })),
    list: async (instrument) => (await client.call('lock.list', instrument === undefined ? {} : { instrument })).locks,
  };
}

function givenOf({ lock, state, position, expiresNs }: CallOutput<'lock.take'>): GivenLock {
  return { lock, state, position, expiresMs: Number(BigInt(expiresNs) / 1_000_000n) };
}
