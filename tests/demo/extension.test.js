/** The browser extension, built and loaded into Chromium: requests change its tabs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launchWithExtension } from './browser.js';
import { DIST, ROOT, until } from './helpers.js';

let folder;
let context;
let popup;
const complaints = [];

/** Chromium's id of an unpacked extension: the hash of its path, in the letters a to p. */
const idOf = (path) => createHash('sha256').update(path).digest('hex').slice(0, 32).replace(/./g, (digit) => 'abcdefghijklmnop'[Number.parseInt(digit, 16)]);

before(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'thimble-extension-')));
  const built = join(folder, 'extension');
  execFileSync(process.execPath, [join(ROOT, 'web-demo/extension/build.js'), '--dist', DIST, '--out', built]);
  mkdirSync(join(folder, 'profile'));
  context = await launchWithExtension(join(folder, 'profile'), built);
  popup = await context.newPage();
  popup.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  popup.on('pageerror', (error) => complaints.push(String(error)));
  await popup.goto(`chrome-extension://${idOf(built)}/popup.html`);
  await until(() => popup.textContent('#status'), (text) => text === 'Ready, in this browser.', 'popup');
});
after(async () => {
  await context?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function say(text) {
  await popup.fill('#request', text);
  await popup.evaluate(() => (document.getElementById('status').textContent = ''));
  await popup.press('#request', 'Enter');
  return until(() => popup.textContent('#status'), Boolean, text);
}
const thisTab = () => popup.evaluate(async () => {
  const tab = await chrome.tabs.getCurrent();
  return { pinned: tab.pinned, muted: tab.mutedInfo.muted, zoom: await chrome.tabs.getZoom(tab.id) };
});

test('the built extension has all it needs, and nothing large besides the model', () => {
  const built = join(folder, 'extension');
  const bytes = readdirSync(built, { recursive: true }).reduce((sum, name) => sum + statSync(join(built, name)).size, 0);
  assert.ok(bytes < statSync(join(DIST, 'model.bin')).size + 700_000, `${bytes} bytes`);
});

test('requests change the tab, two at once too', async () => {
  assert.equal(await say('mute this tab'), 'Done.');
  assert.equal((await thisTab()).muted, true);
  assert.equal(await say('pin this tab and zoom to 150 percent'), 'Done.');
  const { pinned, zoom } = await thisTab();
  assert.equal(pinned, true);
  assert.ok(Math.abs(zoom - 1.5) < 0.01, `zoom ${zoom}`);
  assert.match(await popup.textContent('#results'), /Pinned\..*pin_tab.*Zoomed to 150 %/);
});

test('what fits nothing changes nothing', async () => {
  const before = await thisTab();
  assert.equal(await say('order a pizza'), 'No tool fits.');
  assert.deepEqual(await thisTab(), before);
  assert.equal(await popup.textContent('#results'), '');
});

test('switching finds the tab by words of its title', async () => {
  const other = await context.newPage();
  await other.setContent('<title>Invoices of October</title>');
  await popup.bringToFront();
  assert.equal(await say('switch to the tab called Invoices'), 'Done.');
  assert.match(await popup.textContent('#results'), /Here is Invoices of October/);
  await until(() => popup.evaluate(async () => (await chrome.tabs.query({ active: true }))[0].title), (title) => title === 'Invoices of October', 'active tab');
});

test('nothing broke the policy', () => assert.deepEqual(complaints, []));
