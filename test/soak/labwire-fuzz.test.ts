/** The fuzz of test/lab/labwire-frame.test.ts with a million frames. */
process.env.LABWIRE_FUZZ_FRAMES = '1000000';
await import('../lab/labwire-frame.test.ts');

export {};
