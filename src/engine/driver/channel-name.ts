/** Longest name; it becomes part of channel ids, files and tables. */
const MAX_LENGTH = 64;

/**
 * Names a device gives its values, as channel names: letters, digits, `_`, `.`, `-`, beginning with a letter; what is left empty is `ch1`, `ch2`, …;
 * doubles get a number.
 */
export function channelNames(given: readonly string[]): string[] {
  const used = new Set<string>();
  return given.map((text, index) => {
    const plain = text
      .trim()
      .replace(/[^\w.-]+/g, '_')
      .replace(/^[^A-Za-z]+/, '')
      .replace(/_+$/, '')
      .slice(0, MAX_LENGTH);
    let name = plain || `ch${index + 1}`;
    for (let again = 2; used.has(name); again++) name = `${plain || `ch${index + 1}`}-${again}`;
    used.add(name);
    return name;
  });
}
