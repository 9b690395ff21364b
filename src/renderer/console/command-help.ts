import { useEffect, useState } from 'react';
import type { CommandHelp } from '../../contract/instrument-schema.ts';
import { call } from '../engine-link.ts';

const NONE: readonly CommandHelp[] = [];

/** What the family's definition says of its commands; empty until the engine has answered, and where nothing is known. */
export function useCommandHelp(instrument: string): readonly CommandHelp[] {
  const [commands, setCommands] = useState<readonly CommandHelp[]>(NONE);
  useEffect(() => {
    let isCurrent = true;
    setCommands(NONE);
    call('instrument.help', { instrument })
      .then((answer) => isCurrent && setCommands(answer.commands))
      // Without help the console still completes headers.
      .catch(() => undefined);
    return () => {
      isCurrent = false;
    };
  }, [instrument]);
  return commands;
}

/** The help of the header that is typed, parameters left aside; letter case and a leading colon do not count. */
export function helpFor(commands: readonly CommandHelp[], typed: string): CommandHelp | undefined {
  const header = plain(typed.trim().split(/\s/)[0] ?? '');
  return header === '' ? undefined : commands.find((command) => plain(command.header.split(/\s/)[0] ?? '') === header);
}

function plain(header: string): string {
  return header.replace(/^:/, '').toLowerCase();
}
