/** Where the rule goes, and how it is put in force. */
export const UDEV_RULE_FILE = '/etc/udev/rules.d/70-labwire-usb.rules';

/** The udev rule that gives the person at the screen access to instruments of a maker (or of every test and measurement device). */
export function udevRule(vendorId?: number): string {
  if (vendorId === undefined) {
    return 'SUBSYSTEM=="usb", ENV{ID_USB_INTERFACES}=="*:fe03??:*", MODE="0660", TAG+="uaccess"';
  }
  const id = vendorId.toString(16).padStart(4, '0');
  return `SUBSYSTEM=="usb", ATTRS{idVendor}=="${id}", MODE="0660", TAG+="uaccess"`;
}

/** What to do when the system does not permit opening a USB device, as sentences for a message. */
export function udevAdvice(vendorId: number | undefined, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') {
    return 'On Windows the device needs the WinUSB driver; where the driver of a VISA owns it, use the resource with @visa behind it.';
  }
  if (platform !== 'linux') return 'Close other lab software that uses the device, then plug it in again.';
  return (
    `Put this line into ${UDEV_RULE_FILE}: ${udevRule(vendorId)} ` +
    'Then run: sudo udevadm control --reload && sudo udevadm trigger. Plug the instrument in again.'
  );
}
