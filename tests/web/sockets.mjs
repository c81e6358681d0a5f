// Socket.io clients for the tests, like those of existing web pages. Each line of standard input is a command:
//
// { open: NAME, url, options }   connect a socket
// { emit: NAME, event, data }    send an event
// { close: NAME }                disconnect it
//
// Each received event is a line of standard output: { socket, event, data }. The library's own `connect`,
// `connect_error` and `disconnect` are events among them, with the reason as data.

import { createInterface } from 'node:readline';
import { io } from 'socket.io-client';

const sockets = new Map();

function tell(socket, event, data) {
  console.log(JSON.stringify({ socket, event, data: data ?? null }));
}

function open(name, url, options) {
  // A separate manager: the library would share one connection among all sockets.
  const socket = io(url, { forceNew: true, reconnection: false, ...options });
  socket.on('connect', () => tell(name, 'connect', socket.io.engine.transport.name));
  socket.on('connect_error', (error) => tell(name, 'connect_error', error.message));
  socket.on('disconnect', (reason) => tell(name, 'disconnect', reason));
  socket.onAny((event, data) => tell(name, event, data));
  sockets.set(name, socket);
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.open) open(command.open, command.url, command.options);
  if (command.emit) sockets.get(command.emit).emit(command.event, command.data);
  if (command.close) sockets.get(command.close).disconnect();
}
process.exit();
