import { afterAll, expect, vi } from 'vitest';

/** Runs before every file of a shared process: what a file leaves open is its own failure, and not that of those after it. */
const load = () => import('../src/core/scope.ts');
if ((await load()).openScopes().length > 0) vi.resetModules();
const { openScopes } = await load();
afterAll(() => expect(openScopes(), 'left open by this file').toEqual([]));
