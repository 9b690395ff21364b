import { createSecureContext, type SecureContext } from 'node:tls';
import { AUTHENTICATION, HISLIP } from '../../protocol/hislip.ts';
import type { HislipSecurity } from './hislip-options.ts';

interface Answer {
  type: number;
  control: number;
  parameter: number;
  payload?: Uint8Array;
}

/** The server's side of SASL over HiSLIP (IVI-6.1 2.4, types 34 to 38): PLAIN (RFC 4616) and ANONYMOUS (RFC 4505), both of one message of the client. */
export class HislipSasl {
  readonly #security: HislipSecurity | undefined;
  readonly context: SecureContext | undefined;
  #mechanism: string | undefined;
  #isAuthenticated = false;

  constructor(security: HislipSecurity | undefined) {
    this.#security = security;
    this.context = security && createSecureContext({ key: security.key, cert: security.cert });
  }

  /** Nobody has to log in, or somebody has. */
  get isPassed(): boolean {
    return this.#security?.credentials === undefined || this.#isAuthenticated;
  }

  take(type: number, payload: Uint8Array): Answer[] {
    const offered = this.#security?.mechanisms ?? ['ANONYMOUS'];
    if (type === HISLIP.getSaslMechanismList) {
      const list = this.#security ? offered.join(' ') : '';
      return [{ type: HISLIP.getSaslMechanismListResponse, control: 0, parameter: 0, payload: Buffer.from(list) }];
    }
    if (type === HISLIP.authenticationStart) {
      this.#mechanism = Buffer.from(payload).toString('latin1');
      return offered.includes(this.#mechanism) ? [] : [failed('Mechanism not offered')];
    }
    const isRight = this.#isRight(Buffer.from(payload).toString('utf8'));
    this.#mechanism = undefined;
    if (!isRight) return [failed('Authentication failed')];
    this.#isAuthenticated = true;
    return [{ type: HISLIP.authenticationResult, control: AUTHENTICATION.success, parameter: 0 }];
  }

  #isRight(text: string): boolean {
    if (this.#mechanism === 'ANONYMOUS') return true;
    const credentials = this.#security?.credentials;
    const [, user, password] = text.split('\0');
    return this.#mechanism === 'PLAIN' && user === credentials?.user && password === credentials?.password;
  }
}

function failed(text: string): Answer {
  const type = HISLIP.authenticationResult;
  return { type, control: AUTHENTICATION.failed, parameter: 1, payload: Buffer.from(text) };
}
