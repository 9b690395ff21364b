import { once } from 'node:events';
import net from 'node:net';

/** An instrument of a few lines on a real socket: what it answers can change while it runs. Questions it does not know stay unanswered. */
export class ScriptedInstrument implements AsyncDisposable {
  readonly answers: Record<string, string>;
  /** Every line that came. */
  readonly heard: string[] = [];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  constructor(answers: Record<string, string>) {
    this.answers = answers;
    this.#server = net.createServer((socket) => this.#accept(socket));
  }

  static async open(answers: Record<string, string>): Promise<ScriptedInstrument> {
    const instrument = new ScriptedInstrument(answers);
    instrument.#server.listen(0, '127.0.0.1');
    await once(instrument.#server, 'listening');
    return instrument;
  }

  get resource(): string {
    return `TCPIP0::127.0.0.1::${(this.#server.address() as net.AddressInfo).port}::SOCKET`;
  }

  /** Ends all connections; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        this.heard.push(line.trim());
        const answer = this.answers[line.trim()];
        if (answer !== undefined) socket.write(`${answer}\n`);
      }
    });
  }
}
