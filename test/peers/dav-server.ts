import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../servers/free-port.ts';

const APACHE = '/usr/sbin/apache2';
const MODULES = '/usr/lib/apache2/modules';

export interface DavServer extends AsyncDisposable {
  url: string;
  /** What the server holds lies here. */
  folder: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Apache with mod_dav on a free port of this machine, with a password for `bench`. */
export async function openDavServer(password = 'secret'): Promise<DavServer> {
  const root = await mkdtemp(join(tmpdir(), 'labwire-dav-'));
  const folder = join(root, 'files');
  await mkdir(folder);
  await mkdir(join(root, 'lock'));
  // The server's own user writes there.
  for (const path of [root, folder, join(root, 'lock')]) await chmod(path, 0o777);
  const port = await freePort();
  const sha = createHash('sha1').update(password).digest('base64');
  await writeFile(join(root, 'users'), `bench:{SHA}${sha}\n`);
  const modules = [
    'mpm_event',
    'authn_core',
    'authn_file',
    'authz_core',
    'authz_user',
    'auth_basic',
    'dav',
    'dav_fs',
    'alias',
  ];
  const config = [
    ...modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
    `ServerRoot ${root}`,
    'ServerName localhost',
    `Listen 127.0.0.1:${port}`,
    `PidFile ${root}/pid`,
    `ErrorLog ${root}/error.log`,
    'User www-data',
    'Group www-data',
    `DocumentRoot ${folder}`,
    `DavLockDB ${root}/lock/db`,
    `<Directory ${folder}>`,
    '  Dav On',
    '  AuthType Basic',
    '  AuthName bench',
    '  AuthBasicProvider file',
    `  AuthUserFile ${root}/users`,
    '  Require valid-user',
    '</Directory>',
  ].join('\n');
  await writeFile(join(root, 'apache.conf'), config);
  let child: ChildProcess | undefined;
  const server: DavServer = {
    url: `http://127.0.0.1:${port}/night%20runs/`,
    folder: join(folder, 'night runs'),
    async start() {
      child = spawn(APACHE, ['-f', join(root, 'apache.conf'), '-D', 'FOREGROUND'], { stdio: 'ignore' });
      for (let tries = 0; tries < 200; tries++) {
        const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
          () => true,
          () => false,
        );
        if (isUp) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error('Apache did not start');
    },
    async stop() {
      const running = child;
      child = undefined;
      if (!running) return;
      const gone = new Promise((resolve) => running.once('exit', resolve));
      running.kill('SIGTERM');
      await gone;
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}
