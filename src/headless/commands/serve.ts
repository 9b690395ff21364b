import type { Command } from '../command.ts';
import { serveHost } from '../serve-host.ts';

/** The browser host: the engine in this process, its page on loopback. */
export const serve: Command = {
  name: 'serve',
  usage: '[--port N] [--no-open] [--share [--share-port N] [--share-host HOST]] [--data DIR]',
  summary: 'Serves Labwire to a browser on this machine, until stopped.',
  options: {
    port: { type: 'string', value: 'N', about: 'port on 127.0.0.1 (default: a free one)' },
    share: {
      type: 'boolean',
      about: 'share the bench with other clients; stays on until switched off in the settings',
    },
    'share-port': { type: 'string', value: 'N', about: 'port to share it on (default: the one of the settings, 8000)' },
    'share-host': { type: 'string', value: 'HOST', about: 'address to share it on; beyond 127.0.0.1 only with TLS' },
    'no-open': { type: 'boolean', about: 'only print the address' },
  },
  positionals: [0, 0],
  run: (args, shell) => serveHost(args, shell),
};
