import type { FormatJob, Written } from './format-writer.ts';
import { OutFile } from './out-file.ts';
import { drawPlot } from './plot-picture.ts';

/** The plot as a drawing: docs/export.md. */
export async function writeSvg(job: FormatJob): Promise<Written> {
  const { svg, columns, notes } = await drawPlot(job);
  await writeWhole(job.path, new TextEncoder().encode(svg));
  return { rows: columns, notes };
}

/** The same drawing as pixels, with the fonts of the system. */
export async function writePng(job: FormatJob): Promise<Written> {
  const { svg, columns, notes } = await drawPlot(job);
  const { Resvg } = await import('@resvg/resvg-js');
  const font = { loadSystemFonts: true, defaultFontSize: 12 };
  const picture = new Resvg(svg, { font }).render();
  await writeWhole(job.path, picture.asPng());
  const probe =
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="8" font-family="sans-serif">0</text></svg>';
  const hasFont = new Resvg(probe, { font }).getBBox() !== undefined;
  return { rows: columns, notes: hasFont ? notes : [...notes, NO_FONT] };
}

const NO_FONT =
  'This system has no font, so the picture has no words and numbers. Install one (Debian: fonts-dejavu-core) or export SVG, whose words are drawn where it is opened.';

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await OutFile.open(path);
  await file.write(bytes);
  await file.sync();
}
