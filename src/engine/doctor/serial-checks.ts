import { access, constants, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Resource } from '../../core/resource-shape.ts';
import { listSerialPorts } from '../transport/serial-ports.ts';
import { type Check, type DoctorSystem, fine, type Patient, problem, warning } from './patient.ts';
import { findHolders } from './port-holder.ts';

/** The device file or COM name of a resource on a serial line; undefined for others. VISA numbers are COM numbers, on Linux from /dev/ttyS0. */
function serialPath(parsed: Resource, platform: NodeJS.Platform): string | undefined {
  const port =
    parsed.kind === 'serial'
      ? parsed.port
      : (parsed.kind === 'prologix' || parsed.kind === 'modbus') && parsed.line.kind === 'serial'
        ? parsed.line.port
        : undefined;
  if (port === undefined || !/^\d+$/.test(port)) return port;
  return platform === 'win32' ? `COM${Number(port)}` : `/dev/ttyS${Math.max(0, Number(port) - 1)}`;
}

const pathOf = ({ parsed, system }: Patient): string | undefined =>
  parsed.kind === 'usbtmc-file' ? parsed.path : serialPath(parsed, system.platform);

/** The port is there. */
export const existsCheck: Check = {
  id: 'device',
  title: 'Device',
  async look(patient) {
    const path = pathOf(patient);
    if (path === undefined) return undefined;
    const ports = patient.parsed.kind === 'usbtmc-file' ? [] : await listSerialPorts();
    const isListed = ports.some(({ name }) => name.toLowerCase() === path.toLowerCase());
    const about = ports.find(({ name }) => name.toLowerCase() === path.toLowerCase())?.about;
    const info = patient.system.platform === 'win32' ? undefined : await stat(path).catch(() => undefined);
    if (isListed || info?.isCharacterDevice()) return fine(`${path} is there${about ? ` (${about})` : ''}.`);
    if (info)
      return problem(
        `${path} is no device but a ${info.isDirectory() ? 'folder' : 'file'}.`,
        'Type the path of a serial port.',
      );
    const names = ports.map(({ name }) => name);
    return problem(
      `${path} does not exist: nothing is plugged in under that name.`,
      names.length > 0
        ? `Plug the cable in, or use one that is there: ${names.slice(0, 8).join(', ')}.`
        : 'This machine has no serial port at present. Plug the cable or adapter in; if it is, look at the system log (dmesg) for its driver.',
    );
  },
};

/** The system lets this person open it. */
export const permissionCheck: Check = {
  id: 'permission',
  title: 'Permission',
  async look(patient) {
    const path = pathOf(patient);
    if (path === undefined || patient.system.platform === 'win32') return undefined;
    try {
      await access(path, constants.R_OK | constants.W_OK);
      return fine(`You may read and write ${path}.`);
    } catch {
      const group = await groupOf(path);
      return problem(
        `You may not open ${path}: it belongs to the group ${group}, and you are not in it.`,
        `Add yourself to the group, then log out and in again.`,
        { paste: `sudo usermod -aG ${group} $USER` },
      );
    }
  },
};

async function groupOf(path: string): Promise<string> {
  const { gid } = await stat(path);
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const line = groups.split('\n').find((entry) => entry.split(':')[2] === String(gid));
  return line?.split(':')[0] || 'dialout';
}

/** Nobody else has the port. */
export const holderCheck: Check = {
  id: 'holder',
  title: 'Other programs',
  async look(patient) {
    const path = pathOf(patient);
    if (path === undefined) return undefined;
    if (patient.system.platform === 'win32')
      return { state: 'skipped', cause: 'Windows does not say which program holds a port.', fix: '' };
    const holders = await findHolders(path, patient.system);
    const others = holders.filter(({ pid }) => pid !== process.pid);
    if (others.length === 0) return fine('No other program that can be seen has it open.');
    const names = others.map(({ pid, name }) => `${name || 'a program'} (process ${pid})`).join(', ');
    return problem(
      `${path} is held by ${names}. Two programs on one line take each other's answers.`,
      'Close that program, then try again.',
      { paste: `kill ${others[0]?.pid}` },
    );
  },
};

/** ModemManager asks new serial devices whether they are modems, in the first seconds. */
export const modemManagerCheck: Check = {
  id: 'modem-manager',
  title: 'ModemManager',
  async look({ parsed, system }) {
    const path = serialPath(parsed, system.platform);
    if (path === undefined || system.platform !== 'linux' || !/tty(ACM|USB)\d+$/.test(path)) return undefined;
    if (!(await isRunning('ModemManager', system))) return fine('ModemManager does not run.');
    const device = (await usbIdsOf(path, system)) ?? { vendor: '1234', product: '5678' };
    return warning(
      'ModemManager runs: after plugging in it talks to every serial device for some seconds to learn whether it is a modem.',
      'Wait 30 s after plugging in; or tell it to leave this device alone with this rule in /etc/udev/rules.d/99-labwire-serial.rules, then plug it in again.',
      `ATTRS{idVendor}=="${device.vendor}", ATTRS{idProduct}=="${device.product}", ENV{ID_MM_DEVICE_IGNORE}="1"`,
    );
  },
};

async function isRunning(name: string, { proc }: DoctorSystem): Promise<boolean> {
  for (const pid of (await readdir(proc).catch(() => [])).filter((entry) => /^\d+$/.test(entry))) {
    if ((await readFile(join(proc, pid, 'comm'), 'utf8').catch(() => '')).trim() === name) return true;
  }
  return false;
}

/** Of the USB adapter of a port, from sysfs: the device is two levels above the interface. */
async function usbIdsOf(path: string, { sys }: DoctorSystem): Promise<{ vendor: string; product: string } | undefined> {
  const device = join(sys, 'class/tty', basename(path), 'device');
  for (const up of ['..', '../..', '../../..']) {
    const vendor = await readFile(join(device, up, 'idVendor'), 'utf8').catch(() => undefined);
    const product = await readFile(join(device, up, 'idProduct'), 'utf8').catch(() => undefined);
    if (vendor && product) return { vendor: vendor.trim(), product: product.trim() };
  }
  return undefined;
}
