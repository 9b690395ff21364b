/** Writes a text into an element outside React; the same text again costs nothing. */
export function setText(element: HTMLElement | null, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}
