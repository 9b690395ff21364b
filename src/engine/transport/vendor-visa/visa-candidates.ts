/** Names the library: a path or a name the system finds. */
export const VISA_LIBRARY_VARIABLE = 'LABWIRE_VISA';

const CANDIDATES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  win32: ['visa64.dll', 'visa32.dll'],
  darwin: ['/Library/Frameworks/VISA.framework/VISA', '/Library/Frameworks/RsVisa.framework/RsVisa'],
  linux: [
    'libvisa.so',
    'libvisa.so.0',
    '/usr/local/vxipnp/linux/lib64/libvisa.so',
    'librsvisa.so',
    '/opt/keysight/iolibs/libktvisa32.so',
  ],
};

/** Libraries to try, best first: the one named by option or environment alone, else those of the makers. */
export function visaCandidates(
  named?: string,
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): readonly string[] {
  const wanted = named ?? environment[VISA_LIBRARY_VARIABLE];
  return wanted ? [wanted] : (CANDIDATES[platform] ?? []);
}

/** What to install, and how to name a library that lies elsewhere. */
export function libraryAdvice(): string {
  return `Install the VISA of a maker (NI-VISA, Keysight IO Libraries or R&S VISA), or name its library in ${VISA_LIBRARY_VARIABLE}.`;
}
