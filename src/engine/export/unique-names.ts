/** Names for the members of one folder or group: no slash, no `.` alone, none twice. */
export class UniqueNames {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken);
  }

  take(wanted: string): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go.
    const plain = wanted.replace(/[/\u0000-\u001f]/g, '_').replace(/^\.+$/, '_') || '_';
    let name = plain;
    for (let number = 2; this.#taken.has(name); number++) name = `${plain} ${number}`;
    this.#taken.add(name);
    return name;
  }
}
