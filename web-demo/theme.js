/** Sets the theme before the first paint; a plain script in the head, so that no other theme flashes up. */
{
  let stored = null;
  try {
    stored = localStorage.getItem('theme');
  } catch {
    // no storage here: the system's preference decides
  }
  document.documentElement.dataset.theme = stored ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
}
