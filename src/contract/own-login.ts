import { z } from 'zod';

/** What a hub answers when a page asks about its own login (`/api/security/…`); other fields are of other clients. */
export const codeStatus = z.object({ mfa_enabled: z.boolean() });

/** One-time codes before they are confirmed: for the app, and what opens the login without it. */
export const codeSetup = z.object({
  secret: z.string().max(200),
  /** `otpauth://…`, for a QR code. */
  provisioning_uri: z.string().max(2000),
  backup_codes: z.array(z.string().max(50)).max(50),
});

/** Of an answer that is no success. */
export const hubRefusal = z.object({ detail: z.string().max(2000) });
