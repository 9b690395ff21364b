import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';

/** What the middle of a card is drawn from. */
export interface CardProps {
  instrument: InstrumentState;
  /** The channels of this instrument. */
  channels: ChannelState[];
}
