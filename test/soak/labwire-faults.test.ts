/** The seeded faults of test/lab/labwire-model.test.ts, five hundred for each seed. */
process.env.LABWIRE_MODEL_FAULTS = '500';
await import('../lab/labwire-model.test.ts');

export {};
