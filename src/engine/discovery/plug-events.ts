/** Calls back when a device is plugged in or out, until what it resolves with is disposed; rejects where there is no USB. */
export type WatchBus = (onChange: () => void) => Promise<Disposable>;

/** The plugging of USB devices as a search takes it (`Search.onChange`). Where the bus cannot be watched nothing is told: the search itself says why. */
export function plugEvents(watch: WatchBus): (listener: () => void) => Disposable {
  return (listener) => {
    let isOver = false;
    let watching: Disposable | undefined;
    watch(() => {
      if (!isOver) listener();
    }).then(
      (begun) => {
        watching = begun;
        if (isOver) begun[Symbol.dispose]();
      },
      () => undefined,
    );
    return {
      [Symbol.dispose]() {
        if (isOver) return;
        isOver = true;
        watching?.[Symbol.dispose]();
      },
    };
  };
}
