/** What the extension can do: each tool as the model reads it, and `run`, which gets the arguments and the tab. */

const oneOf = (values, description) => ({ type: 'string', enum: values, description });

export const TOOLS = [
  {
    name: 'set_zoom',
    description: 'Zoom the page in or out',
    parameters: { type: 'object', properties: { percent: { type: 'integer', minimum: 25, maximum: 500, description: 'Zoom level in percent' } }, required: ['percent'] },
    async run({ percent }, tab) {
      await chrome.tabs.setZoom(tab.id, percent / 100);
      return `Zoomed to ${percent} %.`;
    },
  },
  {
    name: 'pin_tab',
    description: 'Pin or unpin this tab',
    parameters: { type: 'object', properties: { action: oneOf(['pin', 'unpin'], 'Pin or unpin') }, required: ['action'] },
    async run({ action }, tab) {
      await chrome.tabs.update(tab.id, { pinned: action === 'pin' });
      return action === 'pin' ? 'Pinned.' : 'Unpinned.';
    },
  },
  {
    name: 'mute_tab',
    description: 'Mute or unmute the sound of this tab',
    parameters: { type: 'object', properties: { action: oneOf(['mute', 'unmute'], 'Mute or unmute') }, required: ['action'] },
    async run({ action }, tab) {
      await chrome.tabs.update(tab.id, { muted: action === 'mute' });
      return action === 'mute' ? 'Muted.' : 'The sound is on.';
    },
  },
  {
    name: 'reload_tab',
    description: 'Reload this page',
    parameters: { type: 'object', properties: {} },
    async run(_, tab) {
      await chrome.tabs.reload(tab.id);
      return 'Reloaded.';
    },
  },
  {
    name: 'switch_to_tab',
    description: 'Switch to the open tab with this title',
    parameters: { type: 'object', properties: { title: { type: 'string', description: 'Words of its title' } }, required: ['title'] },
    async run({ title }) {
      const words = title.toLowerCase().split(/\s+/).filter((word) => !['the', 'a', 'my', 'tab', 'page'].includes(word));
      const found = words.length > 0 && (await chrome.tabs.query({})).find((tab) => words.every((word) => tab.title?.toLowerCase().includes(word)));
      if (!found) return `No open tab has “${title}” in its title.`;
      await chrome.tabs.update(found.id, { active: true });
      await chrome.windows.update(found.windowId, { focused: true });
      return `Here is ${found.title}.`;
    },
  },
];
