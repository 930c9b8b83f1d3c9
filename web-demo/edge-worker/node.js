/** Node: PORT=8000 node node.js */
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import * as thimble from 'thimble';
import { createHandler } from './handler.js';

const handle = createHandler(thimble);
const { PORT = '8000', HOST = '0.0.0.0' } = process.env;

function toRequest(incoming) {
  const url = new URL(incoming.url, 'http://localhost');
  const body = ['GET', 'HEAD'].includes(incoming.method) ? undefined : Readable.toWeb(incoming);
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return new Request(url, { method: incoming.method, headers, body, duplex: 'half' });
}

createServer(async (incoming, outgoing) => {
  try {
    const response = await handle(toRequest(incoming), process.env, { ip: incoming.socket.remoteAddress });
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    for await (const chunk of response.body ?? []) outgoing.write(chunk);
    outgoing.end();
  } catch (error) { // a URL that is none, or a connection that ended early
    console.error(error.message);
    if (!outgoing.headersSent) outgoing.writeHead(400);
    outgoing.end();
  }
}).listen(Number(PORT), HOST);
