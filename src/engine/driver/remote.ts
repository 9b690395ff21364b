import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';

/** What makes an instrument obey on this way, if it needs that (a 34401A on its serial line); also before Outputs off: somebody may have given the panel back. */
export function remoteCommands({ remote = [], remoteWhen }: FamilyDefinition, resource: string): string[] {
  const isNeeded = remoteWhen === 'always' || (remoteWhen === 'serial' && resource.startsWith('ASRL'));
  return isNeeded ? [remote].flat() : [];
}
