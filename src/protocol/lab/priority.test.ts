import { expect, test } from 'vitest';
import { PRIORITIES, parsePriority, priorityFor, priorityOfType } from './priority.ts';

test('307–311 five levels by name, in any case; other words are none', () => {
  expect(PRIORITIES.map((name) => parsePriority(name.toLowerCase()))).toEqual(PRIORITIES);
  expect([parsePriority('urgent'), parsePriority(3), parsePriority('constructor')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('a peer of four levels gets BULK as LOW; one of none gets nothing', () => {
  const four = ['LOW', 'NORMAL', 'HIGH', 'CRITICAL'];
  expect(PRIORITIES.map((name) => priorityFor(name, four))).toEqual(['CRITICAL', 'HIGH', 'NORMAL', 'LOW', 'LOW']);
  expect(PRIORITIES.map((name) => priorityFor(name, PRIORITIES))).toEqual(PRIORITIES);
  expect(priorityFor('HIGH', ['low', 'critical'])).toBe('LOW');
  expect(priorityFor('HIGH', [])).toBeUndefined();
});

test('messages without a level have the one of their type', () => {
  expect(['error', 'alarm', 'heartbeat', 'stream_data', 'metrics', 'history', 'toString'].map(priorityOfType)).toEqual([
    'CRITICAL',
    'CRITICAL',
    'HIGH',
    'NORMAL',
    'LOW',
    'BULK',
    'NORMAL',
  ]);
});
