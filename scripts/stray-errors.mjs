// A reporter for Vitest: writes the errors that came outside every test, with the file that ran then, to LABWIRE_STRAY_ERRORS.
import { writeFileSync } from 'node:fs';

// biome-ignore lint/style/noDefaultExport: Vitest takes the default export of a reporter file.
export default class StrayErrors {
  onTestRunEnd(_modules, errors) {
    const rows = errors.map(({ message, VITEST_TEST_PATH }) => ({ message: String(message), file: VITEST_TEST_PATH }));
    if (process.env.LABWIRE_STRAY_ERRORS) writeFileSync(process.env.LABWIRE_STRAY_ERRORS, JSON.stringify(rows));
  }
}
