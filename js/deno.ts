/** Entry for Deno. Needs --allow-read for the model in the package, --allow-net for others. */
import { web } from './web-platform.js';
import { bindHere } from './local.js';

export * from './public.js';

function workingDirectory(): string {
  const path: string = (globalThis as any).Deno.cwd().replaceAll('\\', '/');
  return `file://${path.startsWith('/') ? '' : '/'}${path}/`;
}

export const { createRouter, isCached, clearCache } = bindHere({
  ...web,
  resolve: (text) => (URL.canParse(text) ? text : new URL(text, globalThis.location?.href ?? workingDirectory()).href),
  spawn: () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }),
});
