/** The package as `npm pack` makes it, in a node_modules folder of its own. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIST, ROOT } from './helpers.js';

const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** Packs into `folder`; gives the archive's path and what npm says about it. With THIMBLE_DIST, that build is packed. */
export function pack(folder) {
  const source = join(folder, 'source');
  mkdirSync(source);
  for (const name of ['package.json', 'LICENSE', 'README.md', 'js/README.md']) if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(source, name));
  cpSync(DIST, join(source, 'dist'), { recursive: true });
  const [about] = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], source));
  return { archive: join(folder, about.filename), about };
}

/** An empty project that has the packed package installed, without the network. */
export function project() {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-app-'));
  const { archive, about } = pack(folder);
  const app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"name":"app","private":true,"type":"module"}');
  npm(['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', archive], app);
  return { app, about, archive, installed: join(app, 'node_modules/thimble'), read: (name) => readFileSync(join(app, name), 'utf8'), remove: () => rmSync(folder, { recursive: true }) };
}
