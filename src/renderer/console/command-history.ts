const KEPT = 200;

/** Commands typed before, oldest first, without repeats in a row. */
export function addToHistory(history: readonly string[], text: string): string[] {
  return history.at(-1) === text ? [...history] : [...history, text].slice(-KEPT);
}

/**
 * Headers that fit what is typed: by prefix, letter case ignored; short forms fit too (`:meas:v` finds `:MEASure:VOLTage?`).
 * Those without a jump first.
 */
export function completions(commands: readonly string[], typed: string, limit = 8): string[] {
  const text = typed.trim();
  if (!text || /\s/.test(text)) return [];
  const wanted = text.replace(/^:/, '').toLowerCase().split(':');
  const fits = commands.filter((command) => {
    const nodes = command.replace(/^:/, '').toLowerCase().split(':');
    return wanted.every((part, index) => (nodes[index] ?? '').startsWith(part) || (nodes[index] ?? '') === part);
  });
  // What is typed whole needs no completion, with or without its leading colon.
  return fits.filter((command) => command.replace(/^:/, '').toLowerCase() !== wanted.join(':')).slice(0, limit);
}
