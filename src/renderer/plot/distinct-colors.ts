import type { PlotChannel } from './plot-channel.ts';

/**
 * Channels of a plot with colours that differ as far as there are eight: a channel whose number another of the plot has taken before gets the
 * next free one, here only. Colours chosen by hand (hex) stay.
 */
export function distinctColors(channels: readonly PlotChannel[]): PlotChannel[] {
  const taken = new Set<number>();
  return channels.map((channel) => {
    if (typeof channel.color !== 'number') return channel;
    const wanted = channel.color;
    const free = [0, 1, 2, 3, 4, 5, 6, 7]
      .map((step) => ((wanted - 1 + step) % 8) + 1)
      .find((color) => !taken.has(color));
    taken.add(free ?? wanted);
    return free === undefined || free === wanted ? channel : { ...channel, color: free };
  });
}
