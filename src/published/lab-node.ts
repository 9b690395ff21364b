import { createNodePorts } from '../engine/lab/node-ports.ts';
import { createSystemClock } from '../engine/system-clock.ts';
import type { LabLink, LabLinkOptions } from './lab-link.ts';
import { openLabLink } from './lab-link.ts';

/** Opens a link in Node, from 20 on. Nothing throws: a URL that is none comes to `onError`. */
export function createLabLink<Message = unknown>(options: LabLinkOptions<Message>): LabLink<Message> {
  return openLabLink(options, createNodePorts(createSystemClock()));
}
