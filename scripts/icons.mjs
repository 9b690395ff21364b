// npm run icons: draws resources/icon.svg in Chromium at every size and writes the PNG, .ico and .icns files, which are committed.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ROOT } from './bootstrap.mjs';
import { icnsOf, icoOf } from './icon-files.mjs';
import { findProgram } from './system-packages.mjs';

const FOLDER = join(ROOT, 'resources');
const SIZES = [16, 24, 32, 48, 64, 128, 256, 512, 1024];
const ICO_SIZES = SIZES.filter((size) => size <= 256);

const svg = readFileSync(join(FOLDER, 'icon.svg'), 'utf8');
const browser = await chromium.launch({
  executablePath: findProgram('chromium'),
  args: ['--no-sandbox', '--disable-gpu'],
});
const pictures = new Map();
try {
  const page = await browser.newPage();
  for (const size of SIZES) {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(`<style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`);
    pictures.set(size, await page.screenshot({ omitBackground: true }));
  }
} finally {
  await browser.close();
}
for (const [size, png] of pictures) writeFileSync(join(FOLDER, 'icons', `${size}x${size}.png`), png);
writeFileSync(join(FOLDER, 'icon.png'), pictures.get(512));
writeFileSync(join(FOLDER, 'icon.ico'), icoOf(ICO_SIZES.map((size) => ({ size, png: pictures.get(size) }))));
writeFileSync(
  join(FOLDER, 'icon.icns'),
  icnsOf((size) => pictures.get(size)),
);
console.log(`labwire: icons of ${SIZES.join(', ')} pixels, icon.ico and icon.icns in resources`);
