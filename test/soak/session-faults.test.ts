/** The suites of test/conformance with 10,000 faults on each real transport, and with Outputs off in between. */
process.env.LABWIRE_REAL_FAULTS = '10000';
await import('../conformance/session-faults.test.ts');
await import('../conformance/session-safety.test.ts');

export {};
