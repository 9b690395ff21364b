/** Numbers of an array that become channels, and how deep objects are looked into. */
const MOST_ITEMS = 64;
const MOST_DEPTH = 8;
/** Channels of one topic. */
export const MOST_FIELDS = 500;

/** A number in a JSON message: its name (`imu.accel.x`) and the way to it. */
export interface JsonField {
  name: string;
  path: readonly (string | number)[];
}

/** The numbers of the messages of one topic, collected from all of them: a message may lack some. */
export class JsonFields {
  readonly #fields = new Map<string, JsonField>();
  /** Numbers for which there was no room. */
  #left = new Set<string>();

  get fields(): JsonField[] {
    return [...this.#fields.values()];
  }

  get left(): number {
    return this.#left.size;
  }

  /** Looks into a parsed message. */
  collect(message: unknown): void {
    this.#look(message, [], '');
  }

  #look(value: unknown, path: (string | number)[], name: string): void {
    if (typeof value === 'number') this.#add(name, path);
    else if (typeof value !== 'object' || value === null || path.length >= MOST_DEPTH) return;
    else if (Array.isArray(value)) {
      for (const [index, item] of value.slice(0, MOST_ITEMS).entries())
        this.#look(item, [...path, index], `${name}.${index}`);
    } else if (!isTime(value)) {
      for (const [key, item] of Object.entries(value))
        this.#look(item, [...path, key], name === '' ? key : `${name}.${key}`);
    }
  }

  #add(name: string, path: (string | number)[]): void {
    const key = name === '' ? 'value' : name;
    if (this.#fields.has(key)) return;
    if (this.#fields.size < MOST_FIELDS) this.#fields.set(key, { name: key, path: [...path] });
    else if (this.#left.size < MOST_FIELDS) this.#left.add(key);
  }
}

/** `{sec, nsec}`: how Foxglove and ROS write a time. It is no measured value. */
function isTime(value: object): boolean {
  const keys = Object.keys(value);
  return (
    keys.length === 2 &&
    ['sec', 'secs', 'seconds'].includes(keys[0] ?? '') &&
    /^n(ano)?secs?|^nanos(econds)?$/.test(keys[1] ?? '')
  );
}

/** The number at a path; NaN if there is none. */
export function numberAt(message: unknown, { path }: JsonField): number {
  let value = message;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return Number.NaN;
    value = (value as Record<string | number, unknown>)[key];
  }
  return typeof value === 'number' ? value : Number.NaN;
}
