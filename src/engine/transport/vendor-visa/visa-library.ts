import koffi from 'koffi';

/** A call of the library, carried out on another thread; resolves with its ViStatus. */
type VisaFunction = (...parameters: unknown[]) => Promise<number>;

/** The functions of VPP-4.3.2 that are used here. Variadic ones are not. */
export interface VisaLibrary {
  readonly path: string;
  openDefaultRm: VisaFunction;
  open: VisaFunction;
  close: VisaFunction;
  read: VisaFunction;
  write: VisaFunction;
  clear: VisaFunction;
  assertTrigger: VisaFunction;
  readStb: VisaFunction;
  lock: VisaFunction;
  unlock: VisaFunction;
  gpibControlRen: VisaFunction;
  setAttribute: VisaFunction;
  findRsrc: VisaFunction;
  findNext: VisaFunction;
  statusDesc: VisaFunction;
}

/** ViStatus is int32, ViSession, ViFindList and ViAttr uint32, ViAttrState as wide as a pointer. */
const SIGNATURES: Record<Exclude<keyof VisaLibrary, 'path'>, string> = {
  openDefaultRm: 'int32_t viOpenDefaultRM(_Out_ uint32_t *session)',
  open: 'int32_t viOpen(uint32_t manager, const char *name, uint32_t mode, uint32_t timeout, _Out_ uint32_t *session)',
  close: 'int32_t viClose(uint32_t object)',
  read: 'int32_t viRead(uint32_t session, uint8_t *buffer, uint32_t count, _Out_ uint32_t *got)',
  write: 'int32_t viWrite(uint32_t session, const uint8_t *buffer, uint32_t count, _Out_ uint32_t *written)',
  clear: 'int32_t viClear(uint32_t session)',
  assertTrigger: 'int32_t viAssertTrigger(uint32_t session, uint16_t protocol)',
  readStb: 'int32_t viReadSTB(uint32_t session, _Out_ uint16_t *status)',
  lock: 'int32_t viLock(uint32_t session, uint32_t type, uint32_t timeout, const char *key, uint8_t *granted)',
  unlock: 'int32_t viUnlock(uint32_t session)',
  gpibControlRen: 'int32_t viGpibControlREN(uint32_t session, uint16_t mode)',
  setAttribute: 'int32_t viSetAttribute(uint32_t object, uint32_t attribute, uintptr_t state)',
  findRsrc:
    'int32_t viFindRsrc(uint32_t manager, const char *expression, _Out_ uint32_t *list, _Out_ uint32_t *count, uint8_t *name)',
  findNext: 'int32_t viFindNext(uint32_t list, uint8_t *name)',
  statusDesc: 'int32_t viStatusDesc(uint32_t object, int32_t status, uint8_t *text)',
};

/** Calls under way and waiting for a thread; each instrument has a few. */
const MAX_CALLS = 1024;

/** Loads the first that can be loaded and has all functions. Throws an Error that says what each one said. */
export function loadVisaLibrary(paths: readonly string[]): VisaLibrary {
  koffi.config({ max_async_calls: MAX_CALLS });
  const refusals: string[] = [];
  for (const path of paths) {
    try {
      return bind(path);
    } catch (error) {
      refusals.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(refusals.join('; ') || 'no library is named');
}

function bind(path: string): VisaLibrary {
  const library = koffi.load(path);
  const names = Object.keys(SIGNATURES) as (keyof typeof SIGNATURES)[];
  const functions = names.map((name): [string, VisaFunction] => {
    const native = library.func(SIGNATURES[name]);
    const call: VisaFunction = (...parameters) =>
      new Promise((resolve, reject) => {
        native.async(...parameters, (error: unknown, status: number) => {
          if (error) reject(error);
          else resolve(status);
        });
      });
    return [name, call];
  });
  // Every name of the table is there.
  return { path, ...(Object.fromEntries(functions) as Omit<VisaLibrary, 'path'>) };
}
