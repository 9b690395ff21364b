import type { Command } from '../command.ts';
import { serveHost } from '../serve-host.ts';

/** The browser host: the engine in this process, its page on loopback. */
export const serve: Command = {
  name: 'serve',
  usage:
    '[--port N] [--no-open] [--share [--share-port N] [--share-host HOST] [--share-origins LIST] [--share-readings YES|NO]] [--data DIR]',
  summary: 'Serves Labwire to a browser on this machine, until stopped.',
  options: {
    port: { type: 'string', value: 'N', about: 'port on 127.0.0.1 (default: a free one)' },
    share: {
      type: 'boolean',
      about: 'share the bench with other clients; stays on until switched off in the settings',
    },
    'share-port': { type: 'string', value: 'N', about: 'port to share it on (default: the one of the settings, 8000)' },
    'share-host': { type: 'string', value: 'HOST', about: 'address to share it on; beyond 127.0.0.1 only with TLS' },
    'share-origins': {
      type: 'string',
      value: 'LIST',
      about: 'pages of other web servers that may use it: https://lab.example,http://10.0.0.5:3000',
    },
    'share-readings': {
      type: 'string',
      value: 'YES|NO',
      about: 'whether clients without a login, where the settings let them look, read values, too',
    },
    'no-open': { type: 'boolean', about: 'only print the address' },
  },
  positionals: [0, 0],
  run: (args, shell) => serveHost(args, shell),
};
