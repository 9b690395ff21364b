import type { Identity } from '../../core/instrument.ts';

/**
 * The id settings, limits and recordings bind to: maker/model/serial; without a serial the path stands in for it, since two such
 * units cannot be told apart otherwise. Spaces and slashes inside the parts become `-`, so that the id has two slashes.
 */
export function instrumentId(identity: Identity, resource: string): string {
  const serial = hasSerial(identity) ? identity.serial : resource;
  return [identity.maker, identity.model, serial].map(slug).join('/');
}

/** Whether a unit says which one it is. */
export function hasSerial({ serial }: Identity): boolean {
  return !/^0*$/.test(serial);
}

/** Short name for cards and labels: `DP832`, or the path if it says nothing of itself. */
export function instrumentLabel(identity: Identity, resource: string): string {
  return identity.model || identity.maker || resource;
}

function slug(text: string): string {
  return (
    text
      .trim()
      .replaceAll(/[\s/\\]+/g, '-')
      .slice(0, 80) || 'unknown'
  );
}

/** The identity as `*IDN?` gives it. */
export function identityText({ maker, model, serial, firmware }: Identity): string {
  return [maker, model, serial, firmware].join(',');
}
