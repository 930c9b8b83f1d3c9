/** Chromium for the tests: CHROMIUM names another than the system's. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const PLACES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'];
const FLAGS = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking', '--no-first-run'];

const executablePath = PLACES.find((path) => path && existsSync(path));

export const launch = () => chromium.launch({ executablePath, args: FLAGS });

/** A profile with one unpacked extension. */
export const launchWithExtension = (profile, folder) => chromium.launchPersistentContext(profile, {
  executablePath, args: [...FLAGS, `--disable-extensions-except=${folder}`, `--load-extension=${folder}`],
});
