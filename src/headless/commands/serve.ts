import type { Command } from '../command.ts';
import { serveHost } from '../serve-host.ts';

/** The browser host: the engine in this process, its page on loopback. */
export const serve: Command = {
  name: 'serve',
  usage: '[--port N] [--no-open] [--data DIR]',
  summary: 'Serves Labwire to a browser on this machine, until stopped.',
  options: {
    port: { type: 'string', value: 'N', about: 'port on 127.0.0.1 (default: a free one)' },
    'no-open': { type: 'boolean', about: 'only print the address' },
  },
  positionals: [0, 0],
  run: (args, shell) => serveHost(args, shell),
};
