/** The popup: a request in, calls of the tools out, carried out where the model is sure. */
import { createRouter } from './lib/browser.js';
import { TOOLS } from './tools.js';

/** Below this, the popup shows the call and does nothing. */
const SURE = 0.5;

const [form, request, go, status, results] = ['form', 'request', 'go', 'status', 'results'].map((id) => document.getElementById(id));

let router;
let tools;

async function start() {
  // The files are part of the extension: a second copy of them in the cache would be waste.
  router = await createRouter({ cache: 'none' });
  tools = await router.prepare(TOOLS.map(({ run, ...tool }) => tool));
  status.textContent = 'Ready, in this browser.';
  go.disabled = false;
}

/** @param {import('thimble').ToolCall} call */
async function carryOut(call) {
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  return TOOLS.find(({ name }) => name === call.name).run(call.arguments, tab);
}

function line(call, text) {
  const item = document.createElement('li');
  const code = document.createElement('code');
  code.textContent = `${call.name} ${JSON.stringify(call.arguments)} · ${Math.floor(call.confidence * 100)} %`;
  item.append(text, document.createElement('br'), code);
  return item;
}

async function submit() {
  const { calls, incomplete } = await router.route(request.value.trim(), tools, { minConfidence: 0 }); // SURE decides
  const lines = [];
  for (const call of calls) lines.push(line(call, call.confidence >= SURE ? await carryOut(call) : 'Not sure enough to do this.'));
  results.replaceChildren(...lines);
  status.textContent = calls.length > 0 ? 'Done.' : incomplete.length > 0 ? `Please say the ${incomplete[0].missing[0].join('.')} too.` : 'No tool fits.';
}

const report = (error) => (status.textContent = error.message);

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!go.disabled && request.value.trim()) submit().catch(report);
});
start().catch(report);
