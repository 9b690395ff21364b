// npm run screenshots: the pictures of README and docs, taken of the real app on the simulated bench, so that they stay true.
//
//     npm run screenshots               bench and plot into docs/screenshots
//     npm run screenshots -- FOLDER     every screen into a folder, to look at
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { bootstrap, ROOT } from './bootstrap.mjs';

const SCREENS = ['bench', 'plot', 'recordings', 'alarms', 'console', 'diagnostics', 'settings'];
/** Screens that show no path of the machine they were taken on. */
const IN_DOCS = ['bench', 'plot'];
const CHROMIUM = process.env.LABWIRE_CHROMIUM ?? '/usr/bin/chromium';
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

async function serve(dataFolder) {
  const child = spawn(
    process.execPath,
    [join(ROOT, 'out', 'main', 'cli.js'), 'serve', '--no-open', '--data', dataFolder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\S+/.exec(line)?.[0];
    if (url) return { child, url };
  }
  throw new Error('labwire serve ended without an address');
}

/** A bench at work: the supply feeds, the load sinks, a rule is armed, a short recording lies in the library. */
async function setUp(page) {
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Try the simulated bench' }).click();
  await page.getByText('5 instruments', { exact: true }).first().waitFor();
  const type = async (label, text) => {
    const box = page.getByLabel(label, { exact: true });
    await box.fill(text);
    await box.press('Enter');
  };
  await type('CH1 voltage', '5');
  await page.getByRole('switch', { name: 'CH1 output' }).click();
  await page.getByRole('button', { name: 'Record', exact: true }).click();
  await sleep(6000);
  await type('Current', '500m');
  await page.getByRole('switch', { name: 'Load input' }).click();
  await sleep(3000);
  await page.getByRole('button', { name: 'Capture' }).click();
  await sleep(4000);
  await page.getByRole('button', { name: /stop recording/i }).click();
  await page.getByRole('button', { name: 'Record', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Record', exact: true }).click();
  await sleep(8000);
}

async function main() {
  const folder = process.argv[2] ?? join(ROOT, 'docs', 'screenshots');
  await bootstrap();
  mkdirSync(folder, { recursive: true });
  const dataFolder = mkdtempSync(join(tmpdir(), 'labwire-screenshots-'));
  const { child, url } = await serve(dataFolder);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
    await page.goto(url);
    await setUp(page);
    for (const scheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const [index, screen] of SCREENS.entries()) {
        await page.keyboard.press(`Control+${index + 1}`);
        await sleep(1200);
        if (screen === 'recordings') await page.getByText('complete').first().click();
        await sleep(400);
        if (!process.argv[2] && !IN_DOCS.includes(screen)) continue;
        await page.screenshot({ path: join(folder, `${screen}-${scheme}.png`) });
        console.log(`${screen}-${scheme}.png`);
      }
    }
  } finally {
    await browser.close();
    child.kill('SIGINT');
    await once(child, 'exit');
    rmSync(dataFolder, { recursive: true, force: true });
  }
}

await main();
