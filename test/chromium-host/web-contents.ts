import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import type { CdpPipe } from './cdp-pipe.ts';
import { invokeMain, ipcMain } from './ipc-main.ts';
import type { MessagePortMain } from './message-port.ts';
import { answerRequest, defaultSession, toChromium, toElectron } from './session.ts';
import { strict } from './strict.ts';
import { decodeValue, encodeValue } from './wire-value.ts';
import type { FromWorld, ToWorld } from './world-messages.ts';
import { BINDING, RECEIVER, WORLD } from './world-messages.ts';

type Params = Record<string, unknown>;

/** Texts injected into every page: bundles of isolated-world.ts and main-world.ts. */
export interface WorldScripts {
  isolated: string;
  main: string;
}

interface Frame {
  id: string;
  url: string;
  parentId?: string;
}

let lastId = 0;

/** What `senderFrame` gives. */
class WebFrameMain {
  readonly url: string;
  readonly parent: WebFrameMain | null;

  constructor(url: string, parent: WebFrameMain | null) {
    this.url = url;
    this.parent = parent;
  }
}

/** A navigation or window that main may veto. */
class VetoEvent {
  readonly url: string;
  readonly isMainFrame: boolean;
  defaultPrevented = false;

  constructor(url: string, isMainFrame: boolean) {
    this.url = url;
    this.isMainFrame = isMainFrame;
  }

  preventDefault(): void {
    this.defaultPrevented = true;
  }
}

/** One page: its isolated world, its ports, its requests. */
export class WebContents extends EventEmitter {
  readonly id = ++lastId;
  readonly session = defaultSession;
  readonly cdp: CdpPipe;
  /** The object main sees. */
  readonly self: WebContents;
  target = '';
  private cdpSession = '';
  private destroyed = false;
  private readonly frames = new Map<string, Frame>();
  private readonly contexts = new Map<number, { frame: string; world: string }>();
  private preloadContext: number | undefined;
  private waiting: ToWorld[] = [];
  private readonly ports = new Map<number, MessagePortMain>();
  private lastPort = 0;
  private expected: string | undefined;
  private windowOpenHandler: (details: { url: string }) => { action: string } = () => ({ action: 'deny' });

  constructor(cdp: CdpPipe) {
    super();
    this.cdp = cdp;
    this.self = strict('WebContents', this);
  }

  /** Opens the page and puts the preload into it; nothing is loaded yet. */
  async open(preload: string | undefined, processOfPage: Params, scripts: WorldScripts): Promise<void> {
    const { targetId } = await this.cdp.send('Target.createTarget', { url: 'about:blank', newWindow: true });
    this.target = String(targetId);
    const attached = await this.cdp.send('Target.attachToTarget', { targetId: this.target, flatten: true });
    this.cdpSession = String(attached.sessionId);
    this.hear();
    const setUp: [string, Params][] = [
      ['Page.enable', {}],
      ['Inspector.enable', {}],
      ['Runtime.addBinding', { name: BINDING, executionContextName: WORLD }],
      ['Runtime.enable', {}],
      ['Page.addScriptToEvaluateOnNewDocument', { source: scripts.main }],
      ['Fetch.enable', { patterns: [{ urlPattern: '*' }] }],
    ];
    if (preload !== undefined) {
      // The preload becomes the body of a function, so that no policy of a page forbids it.
      const body = `var LABWIRE_PROCESS = ${JSON.stringify(processOfPage)};
        var LABWIRE_PRELOAD = function (require, module, exports, process) {${readFileSync(preload, 'utf8')}\n};`;
      const source = `(() => {${body}\n${scripts.isolated}\n})();`;
      setUp.push(['Page.addScriptToEvaluateOnNewDocument', { source, worldName: WORLD }]);
    }
    for (const [method, params] of setUp) await this.call(method, params);
    const { frameTree } = (await this.call('Page.getFrameTree')) as { frameTree: { frame: Frame } };
    this.frames.set(frameTree.frame.id, frameTree.frame);
  }

  loadURL(url: string): Promise<void> {
    this.expected = toChromium(url);
    return this.call('Page.navigate', { url: this.expected }).then(({ errorText }) => {
      if (errorText) throw new Error(`${String(errorText)} loading '${url}'`);
    });
  }

  reload(): void {
    this.expected = toChromium(this.getURL());
    void this.call('Page.reload').catch(() => undefined);
  }

  getURL(): string {
    for (const frame of this.frames.values()) if (!frame.parentId) return toElectron(frame.url);
    return '';
  }

  isDestroyed(): boolean {
    return this.destroyed;
  }

  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.windowOpenHandler = handler;
  }

  /** The page asked for a window; Chromium was told to open none. */
  windowOpened(url: string): void {
    const { action } = this.windowOpenHandler({ url: toElectron(url) });
    if (action !== 'deny') throw new Error('This host opens no windows that a page asks for.');
  }

  async executeJavaScript(code: string): Promise<unknown> {
    const params = { expression: code, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = (await this.call('Runtime.evaluate', params)) as {
      result: { value?: unknown };
      exceptionDetails?: { exception?: { description?: string }; text: string };
    };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  forcefullyCrashRenderer(): void {
    void this.call('Page.crash').catch(() => undefined);
  }

  send(channel: string, ...args: unknown[]): void {
    this.tell({ kind: 'message', channel, value: encodeValue(args), ports: [] });
  }

  postMessage(channel: string, message: unknown, transfer: MessagePortMain[] = []): void {
    const ports = transfer.map(() => ++this.lastPort);
    this.tell({ kind: 'message', channel, value: encodeValue([message]), ports });
    for (const [index, port] of transfer.entries()) this.adopt(ports[index] ?? 0, port);
  }

  /** The target is gone. */
  end(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.closePorts();
    this.emit('destroyed');
  }

  private call(method: string, params: Params = {}): Promise<Params> {
    return this.cdp.send(method, params, this.cdpSession);
  }

  private adopt(id: number, port: MessagePortMain): void {
    this.ports.set(id, port);
    port.moveTo({
      deliver: (data) => this.tell({ kind: 'port', port: id, value: encodeValue(data) }),
      closed: () => {
        if (this.ports.delete(id)) this.tell({ kind: 'port-close', port: id });
      },
    });
  }

  private closePorts(): void {
    for (const port of this.ports.values()) port.close();
    this.ports.clear();
  }

  /** In order; kept until the preload of the present document has run. */
  private tell(message: ToWorld): void {
    if (this.preloadContext === undefined) {
      this.waiting.push(message);
      return;
    }
    const functionDeclaration = `function (text) { globalThis.${RECEIVER}(text); }`;
    const value = JSON.stringify(message);
    const params = {
      functionDeclaration,
      executionContextId: this.preloadContext,
      arguments: [{ value }],
      silent: true,
    };
    // The document may have gone meanwhile; its ports are closed then.
    void this.call('Runtime.callFunctionOn', params).catch(() => undefined);
  }

  private hear(): void {
    const on = (method: string, listener: (params: never) => void): void =>
      this.cdp.on(method, (params, session) => {
        if (session === this.cdpSession) listener(params as never);
      });
    on('Page.frameNavigated', ({ frame }: { frame: Frame }) => this.frames.set(frame.id, frame));
    on('Page.navigatedWithinDocument', ({ frameId, url }: { frameId: string; url: string }) => {
      const frame = this.frames.get(frameId);
      if (frame) frame.url = url;
    });
    on('Page.frameDetached', ({ frameId }: { frameId: string }) => this.frames.delete(frameId));
    on('Page.loadEventFired', () => {
      this.emit('did-finish-load');
      this.emit('ready-to-show');
    });
    on('Page.windowOpen', ({ url }: { url: string }) => this.windowOpened(url));
    on('Inspector.targetCrashed', () => {
      this.forgetDocument();
      this.emit('render-process-gone', {}, { reason: 'crashed', exitCode: 1 });
    });
    type Context = { id: number; name: string; auxData: { frameId: string } };
    on('Runtime.executionContextCreated', ({ context }: { context: Context }) =>
      this.contexts.set(context.id, { frame: context.auxData.frameId, world: context.name }),
    );
    on('Runtime.executionContextDestroyed', ({ executionContextId }: { executionContextId: number }) => {
      this.contexts.delete(executionContextId);
      if (executionContextId === this.preloadContext) this.forgetDocument();
    });
    on('Runtime.executionContextsCleared', () => {
      this.contexts.clear();
      this.forgetDocument();
    });
    on('Runtime.bindingCalled', (call: { name: string; payload: string; executionContextId: number }) => {
      if (call.name === BINDING) this.take(JSON.parse(call.payload) as FromWorld, call.executionContextId);
    });
    on('Fetch.requestPaused', (paused: never) => void this.answer(paused).catch(() => undefined));
  }

  private forgetDocument(): void {
    this.preloadContext = undefined;
    this.waiting = [];
    this.closePorts();
  }

  private senderFrame(context: number): WebFrameMain | null {
    const make = (id: string | undefined): WebFrameMain | null => {
      const frame = id === undefined ? undefined : this.frames.get(id);
      return frame ? strict('WebFrameMain', new WebFrameMain(toElectron(frame.url), make(frame.parentId))) : null;
    };
    return make(this.contexts.get(context)?.frame);
  }

  private take(message: FromWorld, context: number): void {
    const event = strict('IpcMainEvent', { sender: this.self, senderFrame: this.senderFrame(context) });
    switch (message.kind) {
      case 'ready':
        this.preloadContext = context;
        for (const waiting of this.waiting.splice(0)) this.tell(waiting);
        break;
      case 'send':
        ipcMain.emit(message.channel, event, ...(decodeValue(message.value) as unknown[]));
        break;
      case 'invoke': {
        const { id, channel, value } = message;
        invokeMain(event, channel, decodeValue(value) as unknown[]).then(
          (result) => this.tell({ kind: 'result', id, value: encodeValue(result) }),
          (error: Error) => this.tell({ kind: 'result', id, error: error.message }),
        );
        break;
      }
      case 'port':
        this.ports.get(message.port)?.relay(decodeValue(message.value));
        break;
    }
  }

  /** Every request of the page: navigations may be vetoed, the app's own addresses go to main's handler, the rest to Chromium. */
  private async answer(paused: {
    requestId: string;
    request: { url: string; method: string };
    resourceType: string;
    frameId: string;
  }): Promise<void> {
    const { requestId, request, resourceType, frameId } = paused;
    if (resourceType === 'Document' && request.url !== this.expected) {
      const isMainFrame = !this.frames.get(frameId)?.parentId;
      const event = new VetoEvent(toElectron(request.url), isMainFrame);
      if (isMainFrame) this.emit('will-navigate', event);
      this.emit('will-frame-navigate', event);
      if (event.defaultPrevented) {
        await this.call('Fetch.failRequest', { requestId, errorReason: 'Aborted' });
        return;
      }
    }
    if (resourceType === 'Document') this.expected = undefined;
    const response = await answerRequest(request.url, request.method);
    if (!response) {
      await this.call('Fetch.continueRequest', { requestId });
      return;
    }
    await this.call('Fetch.fulfillRequest', {
      requestId,
      responseCode: response.status,
      responseHeaders: [...response.headers].map(([name, value]) => ({ name, value })),
      body: Buffer.from(await response.arrayBuffer()).toString('base64'),
    });
  }
}
