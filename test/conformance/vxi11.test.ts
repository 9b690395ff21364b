import { afterAll, expect } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { describeMessageTransport } from './message-suite.ts';
import { openVxi11Case } from './vxi11-bench.ts';

afterAll(() => expect(openScopes()).toEqual([]));

describeMessageTransport({
  name: 'vxi11',
  has: { clear: true, trigger: true, statusByte: true, serviceRequest: true, lock: true, remoteLocal: true },
  async open() {
    const { device, server, open } = await openVxi11Case();
    return {
      transport: await open(),
      device,
      unplug: async () => server.cutAll(),
      openOther: () => open(),
      dispose: async () => server[Symbol.asyncDispose](),
    };
  },
});
