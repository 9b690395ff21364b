/** What a device does otherwise than USBTMC says, or cannot do though it says so. */
export interface UsbtmcQuirks {
  /**
   * One header for the whole answer: the bytes that do not fit the first transfer follow in transfers without header, and without being asked for.
   * `block`: for a 488.2 block even the size in the header is wrong; the block's own counts. Newer firmware keeps to the class: then EOM is not set
   * where more must be asked for, and the quirk is without effect.
   */
  singleHeader?: 'size' | 'block';
  /** Says that it takes REN_CONTROL, GO_TO_LOCAL and LOCAL_LOCKOUT, then fails or hangs. */
  isRemoteLocalBroken?: boolean;
  /** Answers nothing after it was opened before, unless reset first. */
  needsResetAtOpen?: boolean;
}

interface QuirkRow {
  vendorId: number;
  /** Absent: all of the maker. */
  productIds?: readonly number[];
  quirks: UsbtmcQuirks;
}

/**
 * Sources: python-usbtmc `usbtmc.py` (RIGOL_QUIRK_PIDS) for `singleHeader`; libsigrok `scpi_usbtmc_libusb.c` (blacklist_remote, whitelist of
 * resets) for the others.
 */
const ROWS: readonly QuirkRow[] = [
  { vendorId: 0x1ab1, productIds: [0x04ce], quirks: { singleHeader: 'block' } },
  { vendorId: 0x1ab1, productIds: [0x0588], quirks: { singleHeader: 'size', isRemoteLocalBroken: true } },
  { vendorId: 0x1ab1, productIds: [0x04b0, 0x04b1, 0x0515], quirks: { isRemoteLocalBroken: true } },
  { vendorId: 0x0957, productIds: [0x0588], quirks: { isRemoteLocalBroken: true } },
  { vendorId: 0x0b21, quirks: { isRemoteLocalBroken: true } },
  { vendorId: 0xf4ec, quirks: { isRemoteLocalBroken: true, needsResetAtOpen: true } },
];

/** The quirks of a device; all that match together. */
export function usbtmcQuirks(vendorId: number, productId: number): UsbtmcQuirks {
  const found = ROWS.filter(
    (row) => row.vendorId === vendorId && (row.productIds === undefined || row.productIds.includes(productId)),
  );
  return Object.assign({}, ...found.map(({ quirks }) => quirks));
}
