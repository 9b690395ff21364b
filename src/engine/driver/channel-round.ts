import type { ResolvedGroup } from '../../protocol/definition/resolved.ts';
import { parseScpiBoolean } from '../../protocol/scpi-number.ts';
import { parseValue } from './definition-rows.ts';
import { withFoundPlaces } from './found-places.ts';
import { canHold, valueIn } from './named-field.ts';
import { askRound, type Question } from './question-round.ts';
import type { ScpiDialog } from './scpi-dialog.ts';

export interface ChannelRow {
  /** By channel; what was not asked is not in it. */
  values: Map<string, number>;
  /** Channels of groups that are measured at present. */
  active: string[];
  sentNs: bigint;
  receivedNs: bigint;
}

/** Asks once for the channels of groups: only of those wanted, and only of groups whose switch (a scope's display) is on. */
export async function askChannels(
  dialog: ScpiDialog,
  groups: readonly ResolvedGroup[],
  wanted: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<ChannelRow> {
  const options = { signal, priority: 'poll' } as const;
  const due = groups.filter(({ channels }) => channels.some(({ channel }) => !wanted || wanted.includes(channel)));
  const switches = due.flatMap((group) => switchOf(group) ?? []);
  const shown = switches.length > 0 ? await askRound(dialog, switches, options) : undefined;
  let next = 0;
  const measured = due.filter((group) => {
    const question = switchOf(group);
    return question === undefined || question.isOn(shown?.texts[next++] ?? '') === true;
  });
  const all = measured.flatMap(({ select, channels }) =>
    channels.map((one) => ({ ...one, select: [...select, ...one.select] })),
  );
  const channels = await withFoundPlaces(dialog, all, options);
  const active = channels.map(({ channel }) => channel);
  if (channels.length === 0) {
    return { values: new Map(), active, sentNs: shown?.sentNs ?? 0n, receivedNs: shown?.receivedNs ?? 0n };
  }
  // What stands in which field is asked before the reading, so that a change at the front panel never puts amperes among volts.
  const questions = channels.flatMap((one): Question[] => [
    ...(one.named?.asks ?? []).map((ask) => ({ ask, select: one.select })),
    { ask: one.read.ask, select: one.select, fits: (text) => canHold(one, text) },
  ]);
  const { texts, sentNs, receivedNs } = await askRound(dialog, questions, options);
  const values = new Map<string, number>();
  next = 0;
  for (const one of channels) {
    const end = next + (one.named?.asks.length ?? 0);
    values.set(one.channel, valueIn(one, texts[end] ?? '', texts.slice(next, end)));
    next = end + 1;
  }
  return { values, active, sentNs, receivedNs };
}

function switchOf({
  measuredWhile,
  controls,
  select,
}: ResolvedGroup): (Question & { isOn(text: string): boolean | undefined }) | undefined {
  const control = controls.find(({ id }) => id === measuredWhile);
  if (!control?.read) return undefined;
  const isOn = (text: string): boolean | undefined => {
    const value = parseValue(control, text) ?? parseScpiBoolean(text);
    return typeof value === 'boolean' ? value : undefined;
  };
  return { ask: control.read.ask, select, isOn, fits: (text) => isOn(text) !== undefined };
}
