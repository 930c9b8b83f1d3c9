#!/usr/bin/env node
/** Puts the extension together: node web-demo/extension/build.js [--dist DIR] [--out build/extension]. Extensions may load nothing from outside, so the
 * engine and the model are copied in. */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const OWN = ['manifest.json', 'popup.html', 'popup.css', 'popup.js', 'tools.js'];
const PACKAGE = ['browser.js', 'worker.js', 'engine.wasm', 'engine-relaxed.wasm', 'model.bin', 'vocab.txt'];

const { values } = parseArgs({ options: { dist: { type: 'string', default: join(HERE, '../../dist') }, out: { type: 'string', default: join(HERE, '../../build/extension') } } });
const missing = PACKAGE.filter((name) => !existsSync(join(values.dist, name)));
if (missing.length > 0) {
  console.error(`error: ${missing.join(', ')} not in ${values.dist}. Run \`make\` first.`);
  process.exit(1);
}
rmSync(join(values.out, 'lib'), { recursive: true, force: true });
mkdirSync(join(values.out, 'lib'), { recursive: true });
for (const name of OWN) cpSync(join(HERE, name), join(values.out, name));
cpSync(join(HERE, '../icon-192.png'), join(values.out, 'icon-192.png'));
for (const name of PACKAGE) cpSync(join(values.dist, name), join(values.out, 'lib', name));
console.log(`Load ${values.out} as an unpacked extension (chrome://extensions, developer mode).`);
