import { useCallback, useEffect, useRef, useState } from 'react';
import { createLabLink } from './lab-browser.ts';
import type { LabLink, LabLinkOptions } from './lab-link.ts';
import { LabLinkStatus } from './lab-link.ts';

export interface LabLinkState<Message> {
  status: LabLinkStatus;
  /** Kept after the end of the connection. */
  lastMessage: Message | undefined;
  reconnectAttempt: number;
  /** Why it is not connected. */
  reason: string;
  send(data: string | Uint8Array): boolean;
  reconnect(): void;
  disconnect(): void;
}

type Shown<Message> = Pick<LabLinkState<Message>, 'status' | 'lastMessage' | 'reconnectAttempt' | 'reason'>;

/**
 * A link for as long as the component is there. Another url, shouldConnect, autoReconnect, maxReconnectAttempts or heartbeatTimeout makes it anew; callbacks may be
 * new functions at each render. Unmounted, no timer and no socket is left.
 */
export function useLabLink<Message = unknown>(options: LabLinkOptions<Message>): LabLinkState<Message> {
  const { url, shouldConnect = true, autoReconnect, maxReconnectAttempts, heartbeatTimeout } = options;
  const latest = useRef(options);
  const link = useRef<LabLink<Message>>(undefined);
  const [shown, show] = useState<Shown<Message>>(() => ({
    status: shouldConnect ? LabLinkStatus.CONNECTING : LabLinkStatus.DISCONNECTED,
    lastMessage: undefined,
    reconnectAttempt: 0,
    reason: '',
  }));

  useEffect(() => {
    latest.current = options;
  });

  useEffect(() => {
    if (!shouldConnect) {
      show((before) => ({ ...before, status: LabLinkStatus.DISCONNECTED, reconnectAttempt: 0, reason: '' }));
      return undefined;
    }
    const { protocols, headers, parse } = latest.current;
    const made = createLabLink<Message>({
      url,
      autoReconnect,
      maxReconnectAttempts,
      heartbeatTimeout,
      protocols,
      headers,
      parse,
      onMessage: (message) => latest.current.onMessage?.(message),
      onOpen: () => latest.current.onOpen?.(),
      onClose: (end) => latest.current.onClose?.(end),
      onError: (error) => latest.current.onError?.(error),
    });
    const update = (): void => {
      const { status, lastMessage, reconnectAttempt, snapshot } = made;
      show((before) => ({
        status,
        lastMessage: lastMessage ?? before.lastMessage,
        reconnectAttempt,
        reason: snapshot.reason,
      }));
    };
    const unsubscribe = made.subscribe(update);
    link.current = made;
    update();
    return () => {
      unsubscribe();
      link.current = undefined;
      void made.close();
    };
  }, [url, shouldConnect, autoReconnect, maxReconnectAttempts, heartbeatTimeout]);

  return {
    ...shown,
    send: useCallback((data: string | Uint8Array) => link.current?.send(data) ?? false, []),
    reconnect: useCallback(() => link.current?.reconnect(), []),
    disconnect: useCallback(() => link.current?.disconnect(), []),
  };
}
