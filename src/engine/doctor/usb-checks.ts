import { access, constants, readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type SysDevice, usbDevices } from '../transport/usb/sys-usb.ts';
import { UDEV_RULE_FILE, udevRule } from '../transport/usb/udev-rule.ts';
import { isSerialOf } from '../transport/usb/usb-resource.ts';
import { type Check, type DoctorSystem, fine, type Patient, problem, warning } from './patient.ts';

/** The device is plugged in. Linux only, where the system shows every device, also those that may not be opened. */
export const usbPresentCheck: Check = {
  id: 'usb-device',
  title: 'USB device',
  async look(patient) {
    const { parsed, system } = patient;
    if (parsed.kind !== 'usb' || parsed.usbip) return undefined;
    if (system.platform === 'win32')
      return warning(
        'On Windows the USB driver decides who may open the device: the driver of a vendor VISA keeps it for itself.',
        `Use the vendor's VISA (${patient.resource}@visa), or give the device the WinUSB driver with Zadig.`,
      );
    if (system.platform !== 'linux') return undefined;
    const devices = await usbDevices(system);
    if (!devices)
      return problem(
        'This machine shows no USB at all: it has none, or is a container without it.',
        'Run Labwire on the machine the instrument is plugged into, or export the device with usbip and use USBIP0::HOST::….',
      );
    const same = devices.filter(
      ({ vendorId, productId }) => vendorId === parsed.vendorId && productId === parsed.productId,
    );
    const device = find(patient, devices);
    if (device)
      return fine(`${[device.maker, device.product].filter(Boolean).join(' ') || 'The device'} is plugged in.`);
    if (same.length > 0)
      return problem(
        `Such a device is plugged in, but with the serial number ${same.map(({ serial }) => serial || 'none').join(', ')}: another unit.`,
        'Choose that one from the list, or plug in the one that is meant.',
      );
    return problem(
      'No USB device with these ids is plugged in.',
      'Check the cable and that the instrument is switched on; some have to be told to be a USBTMC device (not a printer or memory stick host) in their interface settings.',
    );
  },
};

/** The system lets this person open it. */
export const usbPermissionCheck: Check = {
  id: 'usb-permission',
  title: 'USB permission',
  async look(patient) {
    const device = await present(patient);
    if (!device) return undefined;
    try {
      await access(device.node, constants.R_OK | constants.W_OK);
      return fine(`You may open ${device.node}.`);
    } catch {
      return problem(
        `You may not open ${device.node}: without a rule USB devices belong to root.`,
        `Put this line into ${UDEV_RULE_FILE}, run “sudo udevadm control --reload && sudo udevadm trigger”, and plug the instrument in again.`,
        { paste: udevRule(device.vendorId) },
      );
    }
  },
};

/** Which driver of the kernel has its interfaces. */
export const usbDriverCheck: Check = {
  id: 'usb-driver',
  title: 'USB driver',
  async look(patient) {
    const device = await present(patient);
    if (!device) return undefined;
    const drivers = await driversOf(device, patient.system);
    if (drivers.length === 0) return fine('No driver of the kernel has it.');
    if (drivers.every((driver) => driver === 'usbtmc'))
      return fine("The kernel's usbtmc driver has it; Labwire takes it over while attached and gives it back.");
    return warning(
      `Drivers of the kernel have it: ${drivers.join(', ')}. Labwire takes its instrument interface over while attached.`,
      'If it does not open, close programs that use that driver (serial terminals, printing, file managers).',
    );
  },
};

async function present(patient: Patient): Promise<SysDevice | undefined> {
  if (patient.parsed.kind !== 'usb' || patient.parsed.usbip || patient.system.platform !== 'linux') return undefined;
  return find(patient, (await usbDevices(patient.system)) ?? []);
}

function find({ parsed }: Patient, devices: readonly SysDevice[]): SysDevice | undefined {
  if (parsed.kind !== 'usb') return undefined;
  const { vendorId, productId, serial } = parsed;
  return devices.find(
    (device) => device.vendorId === vendorId && device.productId === productId && isSerialOf(serial, device),
  );
}

async function driversOf({ name }: SysDevice, { sys }: DoctorSystem): Promise<string[]> {
  const folder = join(sys, 'bus/usb/devices');
  const interfaces = (await readdir(folder).catch(() => [])).filter((entry) => entry.startsWith(`${name}:`));
  const links = await Promise.all(interfaces.map((entry) => readlink(join(folder, entry, 'driver')).catch(() => '')));
  return [...new Set(links.filter(Boolean).map((link) => basename(link)))];
}
