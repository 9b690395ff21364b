/** The suite of test/conformance with 1,000 processes of the maker's VISA, one after the other. */
process.env.LABWIRE_VISA_PROCESSES = '1000';
await import('../conformance/attachments.test.ts');

export {};
