import type { FoundPath, PathSource } from '../../contract/discovery-schema.ts';
import type { Role } from '../../core/instrument.ts';

/** What one way of looking says of one way to an instrument. */
export interface Sighting {
  /** Canonical resource string; for what has none, the address in words. */
  resource: string;
  source: PathSource;
  state: FoundPath['state'];
  /** As `*IDN?` gives it; null where nobody asked. */
  idn: string | null;
  /** What a person would call it, if the source knows. */
  name?: string | undefined;
  role?: Role | undefined;
  /** What the system knows of it, or why it cannot be used. */
  about?: string | undefined;
  fix?: string | undefined;
  /** Id of the attached instrument. */
  instrument?: string | undefined;
  /** Only for what no resource string names. */
  way?: FoundPath['way'] | undefined;
  /** Maker and serial number without a model: what a USB descriptor says. Joins the instrument of that maker and serial number. */
  unit?: { maker: string; serial: string } | undefined;
  /** It announced itself as an instrument or a person asked for it: it may be asked who it is. */
  mayAsk?: boolean | undefined;
  /** Port of its web page, where the LXI identification is. */
  httpPort?: number | undefined;
  seenNs: string;
}

/** A sighting as a search tells it. */
export type Found = Omit<Sighting, 'source' | 'seenNs'>;
