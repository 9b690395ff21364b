/** As `ref` of what just opened: takes the focus once, so that the keyboard goes on there. */
export function takeFocus(element: HTMLElement | null): void {
  element?.focus();
}
