import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';
import type { Control, Role } from '../../core/instrument.ts';

/** What an instrument is called when nobody named it. */
export const ROLE_WORDS: Record<Role, string> = {
  supply: 'Power supply',
  meter: 'Multimeter',
  scope: 'Oscilloscope',
  load: 'Electronic load',
  stream: 'Streaming device',
  unknown: 'Instrument',
};

const ROLE_ORDER: readonly Role[] = ['meter', 'supply', 'load', 'scope', 'stream', 'unknown'];

/** Cards stand by role, then in the order of attaching, so that they keep their places. */
export function inCardOrder(instruments: readonly InstrumentState[]): InstrumentState[] {
  return instruments.toSorted((a, b) => ROLE_ORDER.indexOf(a.role) - ROLE_ORDER.indexOf(b.role));
}

/** The name a person gave it; until then what it is, for the model stands beside it. */
export function titleOf(instrument: InstrumentState): string {
  const { label, role, identity } = instrument;
  const isGiven = label !== '' && label !== identity.model;
  return isGiven || role === 'unknown' ? label || ROLE_WORDS[role] : ROLE_WORDS[role];
}

/** Which one it is, where several of a role are on the bench: `Power supply DP832`; the name a person gave stands alone. */
export function fullTitleOf(instrument: InstrumentState): string {
  const title = titleOf(instrument);
  const { model } = instrument.identity;
  return title === ROLE_WORDS[instrument.role] && model ? `${title} ${model}` : title;
}

/** `Rigol DP832 · DP8C2130`, without what the instrument does not say. */
export function identityText(instrument: InstrumentState): string {
  const { maker, model, serial } = instrument.identity;
  const name = [shortMaker(maker), model].filter(Boolean).join(' ');
  return [name, serial].filter(Boolean).join(' · ') || instrument.resource;
}

/** `RIGOL TECHNOLOGIES` is Rigol on the card, `HEWLETT-PACKARD` Hewlett-Packard. */
export function shortMaker(maker: string): string {
  const first = maker.trim().split(/[\s,]+/)[0] ?? '';
  const isShouted = first.length > 3 && first === first.toUpperCase();
  return isShouted ? first.replace(/[A-Z]+/g, (word) => word.charAt(0) + word.slice(1).toLowerCase()) : first;
}

/** The dot and the word of an instrument's state. */
export function stateWord(instrument: InstrumentState): { word: string; tone: 'ok' | 'warn' | 'bad' | 'off' } {
  switch (instrument.state) {
    case 'live':
      return { word: 'live', tone: 'ok' };
    case 'opening':
      return { word: 'opening', tone: 'off' };
    case 'silent':
      return { word: 'silent', tone: 'warn' };
    case 'reconnecting':
      return { word: `reconnecting${instrument.retry ? ` ${instrument.retry.attempt}` : ''}`, tone: 'warn' };
    case 'failed':
      return { word: 'failed', tone: 'bad' };
  }
}

/** A channel's name on the card of its instrument, without the name of the instrument before it. */
export function channelTitle(channel: ChannelState, instrument: InstrumentState): string {
  for (const before of [instrument.label, instrument.identity.model]) {
    if (before && channel.label.startsWith(`${before} `)) return channel.label.slice(before.length + 1);
  }
  return channel.label;
}

/** Groups of the controls in the order of the instrument: `ch1`, `ch2`, … without the whole instrument (''). */
export function groupsOf(instrument: InstrumentState): string[] {
  return [...new Set(instrument.controls.map((control) => control.group))].filter((group) => group !== '');
}

export function controlOf(instrument: InstrumentState, id: string): Control | undefined {
  return instrument.controls.find((control) => control.id === id);
}

/** The channel of that name of one instrument: `ch1.voltage`. */
export function channelOf(channels: readonly ChannelState[], name: string): ChannelState | undefined {
  return channels.find((channel) => channel.name === name);
}

/** How a channel's colour is written in CSS. */
export function colorOf(channel: Pick<ChannelState, 'color'>): string {
  return typeof channel.color === 'number' ? `var(--ch${channel.color})` : channel.color;
}
