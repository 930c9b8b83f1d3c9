/** The six tool sets of the demo. `examples` are requests that show what a set is for. */
import { PAGE_TOOLS } from './page-tools.js';

const text = (description, more = {}) => ({ type: 'string', description, ...more });
const oneOf = (values, description) => ({ type: 'string', enum: values, description });
const number = (description, more = {}) => ({ type: 'number', description, ...more });
const whole = (description, more = {}) => ({ type: 'integer', description, ...more });
const yesNo = (description) => ({ type: 'boolean', description });
const list = (description) => ({ type: 'array', items: { type: 'string' }, description });

/** `name` takes `properties`, of which `required` must be there. */
function tool(name, description, properties = {}, required = []) {
  return { name, description, parameters: { type: 'object', properties, required } };
}

export const SETS = [
  {
    id: 'page',
    title: 'This page',
    about: 'These tools really change the page: say it, and the shelf obeys.',
    examples: [
      'dark mode and show only the red ones',
      'sort by price, lowest first',
      'items under 20',
      'add a red thimble named Rosa',
      'highlight Poppy',
      'take me to the timing section',
    ],
    tools: PAGE_TOOLS,
  },
  {
    id: 'home',
    title: 'Smart home',
    about: 'Lights, heating, music and doors.',
    examples: [
      'make it 21 in the nursery',
      'turn off the kitchen lights and lock the front door',
      'play Clair de Lune in the bedroom',
      'set a timer for twelve minutes',
      'what is the meaning of life',
    ],
    tools: [
      tool('set_thermostat', 'Set the target temperature of a room',
        { room: text('Which room'), temperature: number('Target temperature in degrees', { minimum: 5, maximum: 35 }) }, ['temperature']),
      tool('switch_lights', 'Turn the lights of a room on or off',
        { room: text('Which room'), state: oneOf(['on', 'off'], 'Whether the light should be on or off') }, ['state']),
      tool('set_brightness', 'Dim or brighten the lights of a room',
        { room: text('Which room'), percent: whole('Brightness in percent', { minimum: 0, maximum: 100 }) }, ['percent']),
      tool('play_music', 'Play a song, an album or an artist', { title: text('What to play'), room: text('Where to play it') }, ['title']),
      tool('lock_door', 'Lock or unlock a door', { door: text('Which door'), action: oneOf(['lock', 'unlock'], 'Lock or unlock') }, ['door', 'action']),
      tool('set_timer', 'Start a countdown', { minutes: whole('Length in minutes', { minimum: 1 }) }, ['minutes']),
    ],
  },
  {
    id: 'office',
    title: 'Calendar and mail',
    about: 'Dates stay as you said them: Thimble quotes, it does not convert.',
    examples: [
      'put a design review on the calendar for tomorrow at 3 pm',
      'send an email to sam@example.com with the subject Budget for spring',
      'cancel the dentist appointment',
      'remind me to water the plants on Friday',
      'find emails from Ana about the invoice',
    ],
    tools: [
      tool('create_event', 'Put a new event on the calendar',
        { title: text('What the event is called'), date: text('Day of the event'), time: text('Start time'), attendees: list('People to invite') }, ['title']),
      tool('cancel_event', 'Remove an event from the calendar', { title: text('Which event') }, ['title']),
      tool('send_email', 'Send an email',
        { to: text('Address of the recipient', { format: 'email' }), subject: text('Subject line') }, ['to']),
      tool('search_email', 'Find emails in the mailbox', { sender: text('Who wrote it'), keywords: text('Words to look for') }),
      tool('create_reminder', 'Remind me of something later', { task: text('What to be reminded of'), when: text('When') }, ['task']),
    ],
  },
  {
    id: 'shop',
    title: 'Shop',
    about: 'A basket, a catalogue and orders.',
    examples: [
      'find running shoes under 80 dollars',
      'put 2 umbrellas in my basket',
      'where is order AX-2041',
      'use the voucher SPRING15 and check out',
      'send back the blue kettle, it arrived broken',
    ],
    tools: [
      tool('search_products', 'Search the catalogue for products',
        { query: text('What to look for'), max_price: number('Highest price'), colour: text('Colour of the product') }, ['query']),
      tool('add_to_cart', 'Put a product into the shopping cart',
        { product: text('Name of the product'), quantity: whole('How many', { minimum: 1, maximum: 99 }) }, ['product']),
      tool('track_order', 'Tell where an order is', { order_id: text('Order number') }, ['order_id']),
      tool('apply_coupon', 'Apply a discount code to the cart', { code: text('The code') }, ['code']),
      tool('return_item', 'Start the return of a product', { product: text('Which product'), reason: text('Why it goes back') }, ['product']),
      tool('checkout', 'Pay for what is in the cart'),
    ],
  },
  {
    id: 'travel',
    title: 'Maps and travel',
    about: 'Ways, places, rooms and the weather.',
    examples: [
      'find a hotel in Kyoto for three nights',
      'get me from Lisbon to Porto by train',
      'will it rain in Bergen tomorrow',
      'coffee near the central station',
      'book a table for four at Trattoria Pina at 8 pm',
    ],
    tools: [
      tool('get_directions', 'Find the way from one place to another',
        { origin: text('Where to start'), destination: text('Where to go'), mode: oneOf(['car', 'train', 'bus', 'bicycle', 'walking'], 'How to travel') }, ['destination']),
      tool('search_places', 'Find shops, restaurants and sights near a place', { query: text('What to look for'), near: text('Near which place') }, ['query']),
      tool('search_hotels', 'Find a hotel', { city: text('City'), nights: whole('How many nights', { minimum: 1 }) }, ['city']),
      tool('get_weather', 'Weather forecast for a place', { city: text('City'), day: text('Which day') }, ['city']),
      tool('reserve_table', 'Book a table at a restaurant',
        { restaurant: text('Name of the restaurant'), people: whole('Number of guests', { minimum: 1 }), time: text('Time') }, ['restaurant']),
    ],
  },
  {
    id: 'dev',
    title: 'Developer tools',
    about: 'Repositories, builds and logs. Code-like words are quoted as they stand.',
    examples: [
      'open an issue titled Crash on empty input',
      'create a branch called fix/utf8-offsets from main',
      'deploy feature/login to staging',
      'show the last 50 lines of the worker log',
      'run the tests in tests/js',
    ],
    tools: [
      tool('create_issue', 'Open an issue in the tracker', { title: text('Title of the issue'), assignee: text('Who should do it') }, ['title']),
      tool('create_branch', 'Create a git branch', { name: text('Name of the new branch'), base: text('Branch to start from') }, ['name']),
      tool('restart_service', 'Restart a service or a server', { service: text('Which service'), force: yesNo('Do not wait for open requests') }, ['service']),
      tool('read_log', 'Show the last lines of a log', { log: text('Which log'), lines: whole('How many lines', { minimum: 1, maximum: 1000 }) }, ['log']),
      tool('run_tests', 'Run the tests of a folder', { path: text('Folder or file') }),
      tool('deploy', 'Deploy a branch to an environment',
        { branch: text('Which branch'), environment: oneOf(['production', 'staging', 'preview'], 'Where to deploy') }, ['environment']),
    ],
  },
];
