import { LabError } from '../../core/errors.ts';
import type { Search } from './search.ts';

export interface VendorSearchOptions {
  list(): Promise<string[]>;
}

/** What the VISA library of a vendor knows, where one is installed. It is asked in a process of its own. */
export function createVendorSearch({ list }: VendorSearchOptions): Search {
  return {
    source: 'vendor',
    async look({ found }) {
      const resources = await list().catch((error: unknown) => {
        const { code, message } = LabError.from(error);
        throw code === 'resource.unsupported' ? new LabError('discovery.unavailable', message) : error;
      });
      for (const resource of resources) {
        // Serial ports are listed by the system, with what it knows of them; the library only numbers them.
        if (/^ASRL/i.test(resource)) continue;
        found({ resource: `${resource}@visa`, state: 'usable', idn: null, about: "by the vendor's VISA" });
      }
    },
  };
}
