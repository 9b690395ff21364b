import type { ServerFinding, ServerState } from '../../contract/server-schema.ts';
import { LabError } from '../../core/errors.ts';
import { linkBadge, linkLabel } from '../../core/link-word.ts';
import { accessToken } from '../access-token.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import type { Output } from '../output.ts';
import { openScreen } from '../screen.ts';
import { serverOfBench } from '../server-of-bench.ts';
import { recordAtServer } from '../server-recording.ts';

const MARKS: Record<ServerFinding['state'], string> = {
  works: 'works',
  partly: 'partly',
  broken: 'BROKEN',
  absent: '-',
};

/** What a lab server speaks, what works there and what is broken; without an address, the servers of the bench. */
export const server: Command = {
  name: 'server',
  usage:
    '[URL] [--token T | --token -] [--add | --remove | --reconnect | --record start|stop|list [--name N] [--format F]]',
  summary: 'Says what a lab server speaks, what works and what is broken; puts it on the bench.',
  options: {
    token: {
      type: 'string',
      value: 'TOKEN',
      about: 'access token; - reads it from the standard input; else LABWIRE_TOKEN',
    },
    add: { type: 'boolean', about: 'put it on the bench' },
    remove: { type: 'boolean', about: 'take it off the bench; its instruments are detached' },
    reconnect: { type: 'boolean', about: 'try now' },
    record: {
      type: 'string',
      value: 'start|stop|list',
      about: 'a recording the server makes at its own place; of the bench',
    },
    name: { type: 'string', value: 'NAME', about: 'of the recording' },
    format: { type: 'string', value: 'FORMAT', about: 'of the recording; else as the server likes it' },
  },
  positionals: [0, 1],
  async run(args, shell) {
    await using screen = await openScreen(args, shell);
    const { client } = screen;
    const url = args.positionals[0];
    const record = args.text('record');
    const isOfBench =
      url === undefined || record !== undefined || args.flag('add') || args.flag('remove') || args.flag('reconnect');
    if (isOfBench && screen.isOwn) throw noBench();
    if (url === undefined) {
      const { servers } = await client.call('bench.read', {});
      if (args.flag('json')) await shell.out.json(servers);
      else for (const one of servers) await printServer(one, shell.out);
      return EXIT.done;
    }
    if (args.flag('remove') || args.flag('reconnect') || record !== undefined) {
      const { servers } = await client.call('bench.read', {});
      const found = serverOfBench(servers, url);
      if (!found) {
        await shell.out.line(`No lab server ${url} is on the bench. \`labwire server\` lists them.`);
        return EXIT.instrument;
      }
      if (record !== undefined) {
        const wish = { what: record, name: args.text('name'), format: args.text('format') };
        await recordAtServer(screen.client, found.id, wish, args.flag('json'), shell.out);
        return EXIT.done;
      }
      await client.call(args.flag('remove') ? 'server.remove' : 'server.reconnect', { server: found.id });
      return EXIT.done;
    }
    const token = await accessToken(args.text('token'));
    const secret = token === undefined ? {} : { token };
    if (args.flag('add')) {
      const added = await client.call('server.add', { url, ...secret }, { signal: shell.signal });
      if (args.flag('json')) await shell.out.json(added);
      else await shell.out.line(`On the bench: ${added.server}`);
      return EXIT.done;
    }
    const report = await client.call('server.inspect', { url, ...secret }, { signal: shell.signal });
    if (args.flag('json')) {
      await shell.out.json(report);
      return EXIT.done;
    }
    await shell.out.line(`${report.name || url} ${report.version} speaks ${report.dialect}`);
    const features = Object.entries(report.features).filter(([, value]) => value !== false);
    for (const [name, value] of features)
      await shell.out.line(`  ${name}${Array.isArray(value) ? `: ${value.join(', ') || 'none'}` : ''}`);
    for (const { feature, state, text } of report.findings)
      await shell.out.line(`  ${MARKS[state].padEnd(7)} ${feature}: ${text}`);
    for (const { id, label, role, streams } of report.equipment)
      await shell.out.line(`  ${id}  ${label} (${role})${streams.length > 0 ? `: ${streams.join(', ')}` : ''}`);
    return report.findings.some(({ state }) => state === 'broken') ? EXIT.instrument : EXIT.done;
  },
};

/** What is put on the bench of an engine of the command's own would be gone with the command. */
function noBench(): LabError {
  return new LabError(
    'call.invalid',
    'Labwire does not run on this data folder, so there is no bench. Nothing was changed. Start it, or `labwire serve`; --data names its folder.',
  );
}

async function printServer({ id, label, url, link, equipment }: ServerState, out: Output): Promise<void> {
  await out.line(
    `${label}  ${url}  ${linkLabel(link)}  [${linkBadge(link).text}]  ${equipment.length} instruments  ${id}`,
  );
}
