// A server in a process of its own, to be killed and stopped: greets with `hello`, then sends `row N` each 50 ms. Arguments: port (0: any), seconds until it listens.
import { WebSocketServer } from 'ws';

const [port = '0', after = '0'] = process.argv.slice(2);
setTimeout(() => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: Number(port) });
  server.on('listening', () => process.stdout.write(`${server.address().port} ${Date.now()}\n`));
  server.on('connection', (socket) => {
    socket.send('hello');
    let row = 0;
    const timer = setInterval(() => socket.send(`row ${row++}`), 50);
    socket.on('close', () => clearInterval(timer));
    socket.on('error', () => {});
  });
}, Number(after) * 1000);
