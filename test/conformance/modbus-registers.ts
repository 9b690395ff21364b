/** What a test device holds at first; all of it follows from the address, so that a register read from another place is seen. */

/** Holding register: odd multiples go through all 65,536 values. */
export function holdingAt(address: number): number {
  return (address * 40_503 + 12_345) & 0xffff;
}

export function inputAt(address: number): number {
  return (address * 25_717 + 999) & 0xffff;
}

export function coilAt(address: number): number {
  return (holdingAt(address) >> 7) & 1;
}

export function discreteAt(address: number): number {
  return (inputAt(address) >> 5) & 1;
}
