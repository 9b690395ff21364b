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

/**
 * Whether an instrument may be the one another id names: the same one, or, without serial numbers, of the same maker and model at another address. An
 * address stands in for a serial number, and an instrument may be plugged in elsewhere.
 */
export function mayBeSameUnit(one: string, other: string): boolean {
  return one === other || (isPlaced(one) && isPlaced(other) && modelOf(one) === modelOf(other));
}

/** Whether a resource stands in for the serial number: all of them have two colons. */
function isPlaced(id: string): boolean {
  return id.slice(id.lastIndexOf('/')).includes('::');
}

function modelOf(id: string): string {
  return id.slice(0, id.lastIndexOf('/'));
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
