const used = new Set<string>();

/** Members of Electron that were asked for and are not here, in order of asking. */
export function missingMembers(): string[] {
  return [...used];
}

/** What JavaScript itself asks any object for. */
const LANGUAGE = new Set<string | symbol>(['then', 'toJSON', 'constructor', 'prototype', 'asymmetricMatch']);

/**
 * The object, but asking for a member that it does not have throws by name instead of giving `undefined`: a shim that
 * silently lacks something would make tests green that are not. Setting a member is allowed: tests replace dialogs.
 */
export function strict<T extends object>(name: string, object: T): T {
  return new Proxy(object, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (value === undefined && typeof key === 'string' && !LANGUAGE.has(key) && !(key in target)) {
        used.add(`${name}.${key}`);
        throw new Error(`The Chromium test host has no ${name}.${key}; see test/chromium-host/README.md.`);
      }
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
