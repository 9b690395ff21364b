import { bundleHost } from '../chromium-host/host-bundle.ts';

/** Once for all files, which run beside each other: none may start a host that another one is writing. */
export const setup = bundleHost;
