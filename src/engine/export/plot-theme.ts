/** Colours of a picture of a plot: those of the screen. */
export interface PlotTheme {
  background: string;
  panel: string;
  frame: string;
  grid: string;
  gap: string;
  text: string;
  quiet: string;
  overload: string;
  traces: readonly string[];
}

export const PLOT_THEMES: Readonly<Record<'dark' | 'light', PlotTheme>> = {
  dark: {
    background: '#0e1115',
    panel: '#151a20',
    frame: '#47525f',
    grid: '#1d242d',
    gap: '#47525f',
    text: '#e8ecf1',
    quiet: '#a9b4c1',
    overload: '#ff7272',
    traces: ['#f7d14c', '#4fd6e8', '#f27fd3', '#63d68d', '#ff9d5c', '#9b8cff', '#c4d65a', '#ff7a90'],
  },
  light: {
    background: '#ffffff',
    panel: '#ffffff',
    frame: '#a3aebb',
    grid: '#e1e6ec',
    gap: '#a3aebb',
    text: '#141a21',
    quiet: '#45515f',
    overload: '#bb2530',
    traces: ['#b58900', '#0e8fa8', '#b83d97', '#23834a', '#c8590f', '#5b47d6', '#6f7d0c', '#c8304c'],
  },
};
