import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import type { DefinitionModel } from '../definition/definition-model.ts';
import { type Command, command, query } from '../scpi/command.ts';
import { optional, type Parameter } from '../scpi/parameter.ts';
import { screenBmp, screenPng } from './screen-picture.ts';
import { definiteBlock } from './waveform/definite-block.ts';

const anything: Parameter<string> = { parse: (text) => text };
const any = Array.from({ length: 4 }, () => optional(anything));

/** The commands of a family that give a picture of the screen; whatever parameters are taken. */
export function screenshotCommands({ screenshot }: FamilyDefinition, { scope }: DefinitionModel): Command[] {
  if (!screenshot) return [];
  const { before = [], ask, after = [], format, framing } = screenshot;
  const header = (text: string): string => text.trim().split(/\s+/)[0] ?? '';
  const picture = (): Uint8Array => {
    const bytes = format === 'png' ? screenPng(scope) : screenBmp(scope);
    return framing === 'block' ? definiteBlock(bytes) : bytes;
  };
  // Common commands are there already: `*OPC?` waits for a file that is written.
  const headers = new Set([...before, ...after].map(header).filter((text) => !text.startsWith('*')));
  const preparing = [...headers].map((text) => command(text, any, () => {}));
  const asked = header(ask);
  // SCDP of old Siglent scopes is a command by its form and answers all the same.
  const answering: Command = asked.endsWith('?')
    ? query(asked, any, picture)
    : { header: asked, parameters: any, run: async () => picture() };
  return [...preparing, answering];
}
