/** Tools that change this page, as the model reads them. What they do is in shelf.js and app.js. */

export const COLOURS = ['red', 'blue', 'green', 'yellow', 'white', 'silver'];
export const SECTIONS = ['top', 'shelf', 'tools', 'timing', 'how it works'];

export const PAGE_TOOLS = [
  {
    name: 'set_theme',
    description: 'Switch the page to dark mode or light mode',
    parameters: { type: 'object', properties: { theme: { type: 'string', enum: ['dark', 'light'], description: 'Dark or light' } }, required: ['theme'] },
  },
  {
    name: 'filter_items',
    description: 'Show only the items of one colour or below a price, or show all items',
    parameters: {
      type: 'object',
      properties: {
        colour: { type: 'string', enum: ['all', ...COLOURS], description: 'Colour of the items to show, or all of them' },
        max_price: { type: 'number', minimum: 0, description: 'Highest price' },
      },
    },
  },
  {
    name: 'sort_items',
    description: 'Sort the items by price, name or year',
    parameters: {
      type: 'object',
      properties: {
        by: { type: 'string', enum: ['price', 'name', 'year'], description: 'What to sort by' },
        order: { type: 'string', enum: ['lowest first', 'highest first'], description: 'Which come first' },
      },
      required: ['by'],
    },
  },
  {
    name: 'add_item',
    description: 'Add a new item with this name',
    parameters: {
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 40, description: 'Name of the new item' },
        colour: { type: 'string', enum: COLOURS, description: 'Its colour' },
        price: { type: 'number', minimum: 0, description: 'Its price' },
      },
      required: ['name'],
    },
  },
  {
    name: 'highlight_item',
    description: 'Highlight the item with this name',
    parameters: { type: 'object', properties: { name: { type: 'string', description: 'Which item to highlight' } }, required: ['name'] },
  },
  {
    name: 'scroll_to',
    description: 'Scroll to a section',
    parameters: { type: 'object', properties: { section: { type: 'string', enum: SECTIONS, description: 'Section to go to' } }, required: ['section'] },
  },
];
